"""A merge that takes its time, on a machine of any speed."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator

from harness import halting
from harness.facts import Facts
from harness.kube import Object, wait_for
from harness.machine import LIBVIRT, Machine
from harness.migration import Migration

TO_MERGE = 48 << 20
TRIES = 5
BUSY_US = 4000
"""The guest's rest between two operations, a sixth of other tests'."""
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


def caught(machine: Machine, migrate: Callable[..., Migration], to: Object) -> Migration:
    """A move amid its merge; the one whose merge was over too soon is cancelled for another.

    Its guest had best have little rest (``BUSY_US``).
    """
    for number in range(TRIES):
        migration, merge = _copied(machine, migrate, to, f"m{number}"), Merge(machine)
        with halting.before(machine.kube, migration, "Destination"):
            with merge.slowed_down():
                _patch(migration, hold=False)
            machine.wait_for_writes()
            if merge.left():
                return migration
            _patch(migration, cancel=True)
            assert migration.wait_for_end()["reason"] == "Cancelled", migration.story()
    raise AssertionError(f"{TRIES} merges were over before they were slowed down")


def _copied(
    machine: Machine, migrate: Callable[..., Migration], to: Object, name: str
) -> Migration:
    """A move that waits after its copy, with an overlay that is worth merging."""
    migration = migrate(name, machine.name, to, hold=True)
    migration.wait_for_condition("Copied")

    def taken() -> bool:
        overlay = migration.object()["status"].get("overlay", {})
        return bool(overlay.get("bytes", 0) >= TO_MERGE)

    wait_for("an overlay that is worth merging", taken, seconds=300, seen=migration.story)
    return migration


def _patch(migration: Migration, **spec: bool) -> None:
    where = ("volumemigrations", migration.name, migration.namespace)
    migration.kube.patch(*where, {"spec": spec})
