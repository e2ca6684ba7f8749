"""Runs programs and says what they took: time until the result is on the medium, and processor."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """Seconds of one run; the processor's are the process's and its children's, not the kernel's
    own threads', which write back what is in the page cache and serve loop devices."""

    seconds: float
    processor: float


def run(
    command: Sequence[str | Path],
    *,
    durable: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run a command to its end.

    Args:
        command: what to run.
        durable: a file or device that it writes, which has to be on its medium in the end.
        environment: variables beside ours.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.monotonic()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    try:
        _, status, used = os.wait4(child.pid, 0)
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    if durable is not None:
        _sync(durable)
    return Run(time.monotonic() - began, used.ru_utime + used.ru_stime)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def interleaved(contenders: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, Run]:
    """The medians of each contender's runs.

    All run once unmeasured, then in every round once each, beginning with another one: what drifts
    meanwhile, and what one leaves to the next, meets all alike.
    """
    for contender in contenders.values():
        contender()
    names = list(contenders)
    found: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        for name in rotated(names, number):
            found[name].append(contenders[name]())
    return {name: median(runs) for name, runs in found.items()}


def rotated(names: list[str], by: int) -> list[str]:
    """The same, beginning with another one."""
    start = by % len(names)
    return names[start:] + names[:start]


def median(runs: Sequence[Run]) -> Run:
    """The medians of both, each for itself."""
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor for run in runs),
    )


def fastest(runs: Mapping[str, Run]) -> str:
    """The name of the one that took the least time."""
    return min(runs, key=lambda name: runs[name].seconds)
