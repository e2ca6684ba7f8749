"""Moves of busy guests' disks against full block copies of the same disks; needs the cluster.

``BENCH_SIZES`` (512Mi,2Gi,8Gi) are the disks. Half of each is filled by its guest, which takes
most of the time where the processor is emulated.
"""

import os
from dataclasses import dataclass

from bench import block_copy, findings, guests
from bench.findings import Disk
from bench.moving import HOST_ASSISTED, Move, NotMovedError, move
from bench.record import Part
from detour_crds.quantities import bytes_of
from guest import manifest
from harness import cluster
from harness.cluster import Target
from harness.facts import Facts
from harness.machine import Machine

NAMESPACE = "detour-bench-moves"
BY_STORAGE = ("VolumeSnapshot", "CSIClone")
SCRATCH = "scratch"
MIB = 2**20
LEAST_LIMIT = 64 << 10
VERIFIED_BYTES = 2 << 30
"""Larger disks are not verified: to check each of their sectors takes longer than all the rest."""


@dataclass
class Classes:
    """Where a disk is, and where it is moved next: to and fro."""

    here: str
    there: str
    methods: tuple[str, ...]

    @classmethod
    def of(cls, target: Target) -> "Classes":
        """Those of a driver that makes snapshots and clones, if there is one."""
        if target.provider.classes.csi:
            return cls(*target.provider.classes.csi, (HOST_ASSISTED, *BY_STORAGE))
        return cls(target.source_class, target.destination_class, (HOST_ASSISTED,))

    def moved(self) -> None:
        """The disk is there."""
        self.here, self.there = self.there, self.here


def measure() -> Part:
    """Move disks of all sizes by each method that there is."""
    target = cluster.current()
    sizes = sorted((os.environ.get("BENCH_SIZES") or "512Mi,2Gi,8Gi").split(","), key=bytes_of)
    classes = Classes.of(target)
    notes = [
        f"moves: busy guests, each with a disk of {', '.join(sizes)}, half of it filled, cold "
        f"caches, between the classes {classes.here} and {classes.there}"
    ]
    missing = [name for name in BY_STORAGE if name not in classes.methods]
    notes += [f"{name}: not measured, there is no driver that can do it" for name in missing]
    disks, passed = [], True
    for size in sizes:
        run = _Run(target, size, notes)
        disks.append(run.measure(slowly=size == sizes[-1]))
        passed = passed and run.passed
    cluster.remove_namespace(target.kube, NAMESPACE)
    records, told = findings.records(disks)
    return Part(records, notes + told, findings.details(disks), passed)


class _Run:
    """All moves of one disk, between two block copies of it: what drifts meets both."""

    def __init__(self, target: Target, size: str, notes: list[str]) -> None:
        self._target, self._size, self._notes = target, size, notes
        self._classes = Classes.of(target)
        self.passed = True

    def measure(self, *, slowly: bool) -> Disk:
        """Measure; ``slowly``: once more with half of the bandwidth."""
        guests.fresh_namespace(self._target.kube, NAMESPACE)
        machine = self._guest()
        before = self._block_copy(machine)
        tried = [self._move(machine, method) for method in self._classes.methods]
        moves = [one for one in tried if one is not None]
        limited = None
        if slowly and moves and moves[0].copied_by_us:
            limit = max(int(moves[0].rate / 2), LEAST_LIMIT)
            limited = self._move(machine, HOST_ASSISTED, limit)
        after = self._block_copy(machine)
        self._end(machine)
        return Disk(self._size, (before, after), moves, limited, machine.log.boots())

    def _guest(self) -> Machine:
        """One that writes, with a second claim for the block copies and no writes to that."""
        kube, name = self._target.kube, f"bench-{self._size.lower().replace('.', '-')}"
        machine = Machine(kube, NAMESPACE, name)
        kube.apply(manifest.claim(SCRATCH, NAMESPACE, self._classes.there, self._size))
        machine.create(
            self._classes.here,
            self._size,
            fill_percent=50,
            pause_us=2000,
            memory=f"{160 + bytes_of(self._size) // (128 * MIB)}Mi",
            more={SCRATCH: (SCRATCH, {"disk": {"bus": "scsi"}})},
        )
        machine.wait_until_running()
        guests.wait_until_filled(machine)
        return machine

    def _block_copy(self, machine: Machine) -> float:
        guests.chill(self._target, machine)
        return block_copy.full(Facts(self._target.kube, machine), "data", SCRATCH)

    def _move(self, machine: Machine, method: str, limit: int | None = None) -> Move | None:
        try:
            found = move(self._target, machine, method, self._classes.there, limit)
        except NotMovedError as error:
            self._notes.append(f"{self._size}, {method}: not measured: {error}")
            return None
        self._classes.moved()
        return found

    def _end(self, machine: Machine) -> None:
        machine.stop()
        if bytes_of(self._size) <= VERIFIED_BYTES:
            verdict = machine.verify(machine.claim())
            self.passed = verdict.passed
            self._notes.append(f"{self._size}, verdict of the verifier: {guests.words(verdict)}")
        else:
            self._notes.append(f"{self._size}: too large to be verified within a benchmark")
        machine.log.stop()
