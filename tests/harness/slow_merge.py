"""A merge that takes its time, on a machine of any speed."""

import concurrent.futures
import contextlib
from collections.abc import Iterator

from harness.facts import Facts
from harness.machine import LIBVIRT, Machine

SLOWEST = 64 << 10
"""Bytes per second."""
SLOW_DOWN = """
ask="blockjob $2 $3 --bandwidth $4 --bytes"
until virsh -c "$1" "$(yes "$ask" | head -n 500 | paste -s -d ';')"; do :; done >/dev/null 2>&1
"""
"""Five hundred times for each start of virsh: it takes longer to start than a small merge."""


class Merge:
    """The block job of a machine's only disk."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._facts = machine, Facts(machine.kube, machine)
        self._target = self._facts.virsh("domblklist", self._facts.domain).split()[-2]

    @contextlib.contextmanager
    def slowed_down(self) -> Iterator[None]:
        """Have what begins in the block be slow from its first moment on, and wait until it is."""
        words = (LIBVIRT, self._facts.domain, self._target, str(SLOWEST))
        command = ("bash", "-c", SLOW_DOWN, "bash", *words)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(self._machine.in_launcher, *command, timeout=300)
            yield
            slow.result()

    def left(self) -> int:
        """How many bytes are to be merged still; 0 without a job."""
        told = self._facts.virsh("blockjob", self._facts.domain, self._target, "--raw")
        pairs = (line.strip().split("=", 1) for line in told.splitlines() if "=" in line)
        known = dict(pairs)
        return int(known["end"]) - int(known["cur"]) if "end" in known else 0
