"""What each sector may hold after everything that a log tells; replayed without the disk.

An identity (a small integer) names one write: the boot's base plus the operation's number.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from guest.log import Boot, Boots, Header
from guest.operations import TRIM, WRITES, ZERO, Operation

UNDEFINED = 0
CLEARED = 1
FIRST = 2


class UnusableLogError(Exception):
    """The log does not say enough to judge a disk by it."""


def header_of(boot: Boot) -> Header:
    """Return the header of a boot in a log known to be usable."""
    if boot.header is None:
        raise UnusableLogError(f"boot {boot.epoch32:08x}: no header")
    return boot.header


class Model:
    """The allowed contents of every sector.

    A sector may hold the write named in `written` (unless that is UNDEFINED: then anything, or
    CLEARED: then none), any write in `perhaps`, and zeroes unless `solid` is set.

    Args:
        boots: a usable log.
        slack: operations beyond each boot's window that may have happened although their
            acknowledgements never reached the log.
    """

    def __init__(self, boots: Boots, slack: int = 0) -> None:
        problems = boots.problems()
        if problems:
            raise UnusableLogError("; ".join(problems))
        self.boots = boots.boots
        self.slack = slack
        self.sectors = max(header_of(boot).work.sectors for boot in self.boots)
        self.written = array("I", [UNDEFINED]) * self.sectors
        self.solid = bytearray(self.sectors)
        self.perhaps: dict[int, set[int]] = {}
        self.bytes_acknowledged = 0
        self.findings: list[str] = []
        self.bases: list[int] = []
        base = FIRST
        for boot in self.boots:
            self.bases.append(base)
            base += boot.acknowledged + self.open_operations(boot) + 1
        for index in range(len(self.boots)):
            self._replay(index)

    def open_operations(self, boot: Boot) -> int:
        """How many operations after the last acknowledged one may have happened."""
        return 0 if boot.stopped else header_of(boot).window + self.slack

    def locate(self, identity: int) -> tuple[int, int]:
        """Return the boot's index and the operation's number of an identity."""
        index = bisect_right(self.bases, identity) - 1
        return index, identity - self.bases[index]

    def operations(self, index: int) -> Iterator[tuple[int, Operation, bool]]:
        """Yield number, operation and whether it surely happened, in order."""
        boot = self.boots[index]
        work = header_of(boot).work
        doubtful = {n for failure in boot.failures for n in range(failure.first, failure.last + 1)}
        acknowledged = boot.acknowledged
        for number in range(1, acknowledged + self.open_operations(boot) + 1):
            sure = number <= acknowledged and number not in doubtful
            yield number, work.operation(number), sure

    def _replay(self, index: int) -> None:
        self._compare_superblock(index)
        base = self.bases[index]
        for number, operation, sure in self.operations(index):
            if sure:
                self._apply(base + number, operation)
            else:
                self._perhaps(base + number, operation)

    def _apply(self, identity: int, operation: Operation) -> None:
        kind, start, count = operation
        end = start + count
        if kind in WRITES:
            self.written[start:end] = array("I", [identity]) * count
            self.solid[start:end] = b"\1" * count
        elif kind == ZERO:
            self.written[start:end] = array("I", [CLEARED]) * count
            self.solid[start:end] = bytes(count)
        elif kind == TRIM:
            self.solid[start:end] = bytes(count)
            return
        else:
            return
        self.bytes_acknowledged += count * 512
        if self.perhaps:
            for sector in range(start, end):
                self.perhaps.pop(sector, None)

    def _perhaps(self, identity: int, operation: Operation) -> None:
        kind, start, count = operation
        if kind in WRITES:
            for sector in range(start, start + count):
                self.perhaps.setdefault(sector, set()).add(identity)
        elif kind in (ZERO, TRIM):
            self.solid[start : start + count] = bytes(count)

    def _compare_superblock(self, index: int) -> None:
        """A boot tells what sector 0 held: the wrong disk, or an old one, shows here first."""
        if index == 0 or self.written[0] == UNDEFINED:
            return
        found = header_of(self.boots[index]).found
        allowed = {self.written[0]} | self.perhaps.get(0, set())
        names = {self._name(identity) for identity in allowed}
        if found not in names:
            epoch = header_of(self.boots[index]).epoch
            self.findings.append(
                f"boot {epoch:016x} found sector 0 as {found}, not as {' or '.join(sorted(names))}"
            )

    def _name(self, identity: int) -> str:
        index, number = self.locate(identity)
        return f"{header_of(self.boots[index]).epoch:016x}:{number}"
