"""Builds and runs the Go program ``health``."""

import hashlib
import json
import os
import subprocess
from typing import Any

from cluster import paths
from cluster.process import locked, run

SOURCES = paths.REPOSITORY / "tests" / "gitops" / "health"
CHECKS = paths.REPOSITORY / "gitops"


def verdicts(objects: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What each engine says of each object: ``kstatus``, ``argocd``, ``message``, ``flux``."""
    command = [
        _program(), CHECKS / "argocd" / "health.lua", CHECKS / "flux" / "kustomization.yaml",
    ]  # fmt: skip
    done = subprocess.run(
        command, input=json.dumps(objects), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def _program() -> str:
    """The program, built anew if its sources are others."""
    texts = (path.read_bytes() for path in sorted(SOURCES.iterdir()))
    digest = hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
    program = paths.binaries() / f"health-{digest}"
    with locked(paths.cache() / "health.lock"):
        if not program.exists():
            program.parent.mkdir(parents=True, exist_ok=True)
            words = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(program), "."]
            run(words, cwd=SOURCES, env={**os.environ, "CGO_ENABLED": "0"})
    return str(program)
