"""Reads the guest's console: what it was told is durable, and how long that took.

A record is a line `D1 EPOCH8 NUMBER KIND FIELDS... CRC32`; anything else on the console is noise.
Kinds: H header (repeated), A acknowledged, L one second's latencies, E mismatch seen by the guest,
X failed request, P stopped. Lines may have the time stamps of `kubectl logs --timestamps`.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guest.operations import Work

_START = "D1 "
_SECOND = timedelta(seconds=1)
_RECORD = re.compile(r"D1 ([0-9a-f]{8}) (\d+) ([A-Z]) (.*) ([0-9a-f]{8})")
_ARRIVAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")


@dataclass(frozen=True)
class Header:
    """What a boot says of itself first, and again every ten seconds.

    `found` is what sector 0 held: `zero`, `unknown`, or `EPOCH:OPERATION` in hex and decimal.
    """

    epoch: int
    window: int
    found: str
    pause_us: int
    work: Work


@dataclass(frozen=True)
class Acknowledgement:
    """All operations up to this number are durable."""

    operation: int
    arrived: datetime | None


@dataclass(frozen=True)
class Latency:
    """About one second of work.

    `longest_us` is the longest request that ended in it, of any kind; `writing_us` is what its
    `writes` took together.
    """

    time_ms: int
    operations: int
    longest_us: int
    writes: int
    writing_us: int
    arrived: datetime | None


@dataclass(frozen=True)
class Failure:
    """The kernel answered these operations with an error: they may or may not have happened."""

    first: int
    last: int
    kind: str
    errno: int


@dataclass
class Boot:
    """The records of one boot, in their order."""

    epoch32: int
    header: Header | None = None
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    mismatch_count: int = 0
    failure_count: int = 0
    stopped: str | None = None
    last_number: int = -1
    damaged: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """The number of the last operation known to be durable; 0 for none."""
        return self.acknowledgements[-1].operation if self.acknowledgements else 0

    def problems(self) -> list[str]:
        """Why these records cannot be trusted to be all there were."""
        name = f"boot {self.epoch32:08x}"
        found = [f"{name}: records {a} to {b} are missing" for a, b in self.gaps]
        if self.header is None:
            found.append(f"{name}: no header")
        if self.failure_count != len(self.failures):
            found.append(
                f"{name}: {self.failure_count} requests failed, {len(self.failures)} told"
            )
        return found


@dataclass
class Boots:
    """All boots of a guest, the oldest first."""

    boots: list[Boot] = field(default_factory=list)

    @property
    def last(self) -> Boot | None:
        """The latest boot."""
        return self.boots[-1] if self.boots else None

    def problems(self) -> list[str]:
        """Why the log cannot be used; empty when it can."""
        if not self.boots:
            return ["no records"]
        found = [problem for boot in self.boots for problem in boot.problems()]
        header = self.boots[0].header
        if header and ":" in header.found:
            found.append(f"the log of the boot {header.found} before the first is missing")
        return found

    def latencies(self) -> Iterator[Latency]:
        """All seconds of all boots."""
        for boot in self.boots:
            yield from boot.latencies

    def longest_us(self, after: datetime, before: datetime) -> int | None:
        """Return the longest request of the seconds that touch a span of cluster time.

        Needs a log with time stamps. A record tells of the second before it, so the first record
        after the span counts too. None when no record does: unknown is not zero.
        """
        found: list[int] = []
        for second in self.latencies():
            if second.arrived is None or second.arrived < after:
                continue
            found.append(second.longest_us)
            if second.arrived >= before:
                break
        return max(found, default=None)

    def mean_write_us(self, after: datetime, before: datetime) -> float | None:
        """Return the mean time of the writes of the seconds within a span of cluster time.

        Needs a log with time stamps. A record tells of the second before it, so the first one
        within the span does not count. None when none does: unknown is not zero.
        """
        inside = [
            second
            for second in self.latencies()
            if second.arrived and after + _SECOND <= second.arrived <= before
        ]
        writes = sum(second.writes for second in inside)
        return sum(second.writing_us for second in inside) / writes if writes else None

    def longest_silence(self, after: datetime, before: datetime) -> float | None:
        """Return the longest time without a record in a span of cluster time, in seconds.

        Sees what the guest's clock does not: a paused VM. Needs a log with time stamps.
        """
        times = [ack.arrived for boot in self.boots for ack in boot.acknowledgements]
        times += [second.arrived for second in self.latencies()]
        inside = sorted(time for time in times if time and after <= time <= before)
        steps = zip([after, *inside], [*inside, before], strict=True)
        return max((b - a).total_seconds() for a, b in steps) if inside else None


class Parser:
    """Takes the console line by line; duplicates are dropped, gaps without a cause are noted."""

    def __init__(self) -> None:
        self.boots = Boots()
        self._by_epoch: dict[int, Boot] = {}
        self._noise = False

    def feed(self, line: str) -> None:
        """Take one line, with or without a time stamp."""
        arrival = _ARRIVAL.match(line)
        record = _RECORD.match(line, max(line.rfind(_START), 0))
        if record is None or not _intact(record):
            self._noise = self._noise or bool(line[arrival.end() if arrival else 0 :].strip())
            return
        arrived = datetime.fromisoformat(arrival.group(1)) if arrival else None
        boot = self._boot(int(record.group(1), 16))
        if self._count(boot, int(record.group(2))):
            _take(boot, record.group(3), record.group(4), arrived)
        self._noise = False

    def _boot(self, epoch32: int) -> Boot:
        if epoch32 not in self._by_epoch:
            self._by_epoch[epoch32] = Boot(epoch32)
            self.boots.boots.append(self._by_epoch[epoch32])
        return self._by_epoch[epoch32]

    def _count(self, boot: Boot, number: int) -> bool:
        if number <= boot.last_number:
            return False
        missing = number - boot.last_number - 1
        if missing and self._noise:
            boot.damaged += missing
        elif missing:
            boot.gaps.append((boot.last_number + 1, number - 1))
        boot.last_number = number
        return True


def _intact(record: re.Match[str]) -> bool:
    text = record.group(0)[: -len(" 00000000")]
    return zlib.crc32(text.encode(errors="replace")) == int(record.group(5), 16)


def _take(boot: Boot, kind: str, fields: str, arrived: datetime | None) -> None:
    if kind == "H":
        boot.header = _header(dict(word.split("=", 1) for word in fields.split()))
    elif kind == "A":
        operation, boot.mismatch_count, boot.failure_count = map(int, fields.split())
        boot.acknowledgements.append(Acknowledgement(operation, arrived))
    elif kind == "L":
        time_ms, operations, longest_us, writes, writing_us = map(int, fields.split())
        boot.latencies.append(
            Latency(time_ms, operations, longest_us, writes, writing_us, arrived)
        )
    elif kind == "E":
        boot.mismatches.append(fields)
    elif kind == "X":
        first, last, failed, errno = fields.split()
        boot.failures.append(Failure(int(first), int(last), failed, int(errno)))
    elif kind == "P":
        boot.stopped = fields


def _header(words: dict[str, str]) -> Header:
    work = Work(
        key=int(words["key"], 16),
        sectors=int(words["sectors"]),
        largest=int(words["largest"]),
        fill_sectors=int(words["fill_sectors"]),
        fill_ops=int(words["fill_ops"]),
        granule=int(words.get("granule", 1)),
    )
    return Header(
        epoch=int(words["epoch"], 16),
        window=int(words["window"]),
        found=words["found"],
        pause_us=int(words["pause_us"]),
        work=work,
    )


def parse(text: str) -> Boots:
    """Read the consoles of all boots, joined in their order."""
    parser = Parser()
    for line in text.split("\n"):
        parser.feed(line)
    return parser.boots


def of_disk(text: str, sectors: int) -> str:
    """The records of one disk, of a console on which the writers of several speak.

    Args:
        text: the consoles of all boots, joined in their order.
        sectors: its size, which must be its alone: in which order a guest finds its disks, and so
            their names, is not to be foretold.
    """
    theirs = {
        f"{_START}{boot.epoch32:08x} "
        for boot in parse(text).boots
        if boot.header and boot.header.work.sectors != sectors
    }
    lines = text.split("\n")
    return "\n".join(line for line in lines if not any(start in line for start in theirs))
