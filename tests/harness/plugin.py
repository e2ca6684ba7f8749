"""``kubectl detour`` as a user has it: programs on the PATH that kubectl finds."""

import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import sys
from typing import Any

from harness.kube import Kube

PROGRAMS = {"kubectl-detour": "main", "kubectl_complete-detour": "complete"}


@dataclasses.dataclass(frozen=True)
class Done:
    """One run of a command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What ``-o json`` printed."""
        return json.loads(self.out)


class Plugin:
    """Runs the plugin by kubectl, in a namespace."""

    def __init__(self, kube: Kube, namespace: str, folder: pathlib.Path) -> None:
        self._kubectl = kube.command[0]
        self._namespace = namespace
        for name, function in PROGRAMS.items():
            code = f"from detour_kubectl.__main__ import {function}; {function}()"
            words = shlex.join([sys.executable, "-c", code])
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            program.chmod(0o755)
        # Flags before a plugin's name keep kubectl from looking for it.
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kube.kubeconfig),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def __call__(self, *words: str, timeout: float = 600) -> Done:
        """Run ``kubectl detour`` with these words."""
        return self._run("detour", *words, "-n", self._namespace, timeout=timeout)

    def completions(self, *words: str) -> list[str]:
        """What kubectl itself offers after ``kubectl detour`` and these words."""
        *before, last = words
        told = self._run("__complete", "detour", *before, "-n", self._namespace, last, timeout=60)
        return [line.split("\t")[0] for line in told.out.splitlines() if line[:1] != ":"]

    def _run(self, *words: str, timeout: float) -> Done:
        done = subprocess.run(
            [self._kubectl, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)
