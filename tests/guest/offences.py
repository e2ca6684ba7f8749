"""Says what kind of loss a wrong sector is: from its own stamp and the history of its place."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from guest.content import SECTOR, ZEROES, Stamp, decode
from guest.image import Scanner
from guest.model import CLEARED, header_of
from guest.operations import FLUSH, READ, TRIM, WRITES, ZERO, Operation

MISSING = "Missing"
TORN = "Torn"
FOREIGN = "Foreign"
EARLIER_BOOT = "EarlierBoot"
MISPLACED = "Misplaced"
AHEAD_OF_LOG = "AheadOfLog"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a sector."""

    boot: int
    number: int
    operation: Operation


@dataclass(frozen=True)
class Offence:
    """One sector that holds what it must not.

    `kind` is one of
    Missing: an older content of this boot, or zeroes, where an acknowledged write should be;
    Torn: a part of an acknowledged operation is there, this part is as it was before it (or the
    sector mixes two writes);
    EarlierBoot: content of a boot before the one that wrote this sector last;
    Misplaced: a sector that belongs elsewhere;
    AheadOfLog: content of an operation that comes after all that the log allows;
    Foreign: nothing that this guest ever wrote there.
    """

    kind: str
    offset: int
    expected: str
    found: str

    def as_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)


class Judge:
    """Classifies the wrong sectors of one scan."""

    def __init__(self, scanner: Scanner) -> None:
        self.model = scanner.model
        self.wrong = scanner.result.wrong
        self.known = {content.epoch: content for content in scanner.contents}
        self.index = {header_of(boot).epoch: index for index, boot in enumerate(self.model.boots)}
        self.history = self._history()
        self._there: dict[tuple[int, int], bool] = {}

    def offences(self) -> Iterable[Offence]:
        """Yield one offence for each wrong sector, by offset."""
        for sector in sorted(self.wrong):
            data = self.wrong[sector]
            yield Offence(
                kind=self._kind(sector, data),
                offset=sector * SECTOR,
                expected=self._expected(sector),
                found=self._found(data),
            )

    def _history(self) -> dict[int, list[Event]]:
        sectors = sorted(self.wrong)
        history: dict[int, list[Event]] = {sector: [] for sector in sectors}
        for index in range(len(self.model.boots)):
            for number, operation, sure in self.model.operations(index):
                if not sure or operation.kind in (FLUSH, READ):
                    continue
                at = bisect_left(sectors, operation.sector)
                end = bisect_left(sectors, operation.sector + operation.sectors, at)
                for sector in sectors[at:end]:
                    history[sector].append(Event(index, number, operation))
        return history

    def _kind(self, sector: int, data: bytes) -> str:
        events = [event for event in self.history[sector] if event.operation.kind != TRIM]
        if data == ZEROES:
            before = events[-2:-1]
            zero_before = bool(before) and before[0].operation.kind == ZERO
            return TORN if zero_before and self._rest_is_there(events[-1]) else MISSING
        stamp = decode(data, self.known)
        if stamp is None or stamp.epoch not in self.known:
            return FOREIGN
        if not stamp.whole:
            return TORN
        if stamp.sector != sector:
            return MISPLACED
        return self._kind_of_own(sector, stamp, events)

    def _kind_of_own(self, sector: int, stamp: Stamp, events: list[Event]) -> str:
        boot = self.index[stamp.epoch]
        if not self._wrote(boot, stamp.operation, sector):
            return FOREIGN
        limit = self.model.boots[boot].acknowledged + self.model.open_operations(
            self.model.boots[boot]
        )
        if stamp.operation > limit:
            return AHEAD_OF_LOG
        if not events or boot < events[-1].boot:
            return EARLIER_BOOT
        before = events[-2:-1]
        just_before = bool(before) and (before[0].boot, before[0].number) == (
            boot,
            stamp.operation,
        )
        return TORN if just_before and self._rest_is_there(events[-1]) else MISSING

    def _wrote(self, boot: int, number: int, sector: int) -> bool:
        kind, start, count = header_of(self.model.boots[boot]).work.operation(number)
        return kind in WRITES and start <= sector < start + count

    def _rest_is_there(self, event: Event) -> bool:
        """Whether a sector still shows that this operation happened."""
        key = (event.boot, event.number)
        if key not in self._there:
            kind, start, count = event.operation
            mark = CLEARED if kind == ZERO else self.model.bases[event.boot] + event.number
            self._there[key] = any(
                self.model.written[sector] == mark and sector not in self.wrong
                for sector in range(start, start + count)
            )
        return self._there[key]

    def _expected(self, sector: int) -> str:
        events = self.history[sector]
        last = next((e for e in reversed(events) if e.operation.kind != TRIM), None)
        if last is None:
            return "nothing written"
        what = "zeroes" if last.operation.kind == ZERO else "data"
        epoch = header_of(self.model.boots[last.boot]).epoch
        trimmed = "" if events[-1] is last else " or zeroes"
        return f"{what}{trimmed} of {epoch:016x}:{last.number} sector {sector}"

    def _found(self, data: bytes) -> str:
        if data == ZEROES:
            return "zeroes"
        stamp = decode(data, self.known)
        if stamp is None:
            return f"unknown bytes {data[:16].hex()}"
        whole = "" if stamp.whole else "part of "
        return f"{whole}data of {stamp.epoch:016x}:{stamp.operation} sector {stamp.sector}"
