"""Which operation has which number; the same as `writer/operations.c`."""

from dataclasses import dataclass
from typing import NamedTuple

from guest.content import hash64

WRITE, DURABLE_WRITE, ZERO, TRIM, FLUSH, READ = "WDZTFR"
WRITES = (WRITE, DURABLE_WRITE)

LARGEST_WRITE = 512
LARGEST_ZERO = 32768

_RUN = 64
_NEAR = 2048
_KINDS = WRITE * 38 + DURABLE_WRITE * 6 + ZERO * 8 + TRIM * 4 + FLUSH * 2 + READ * 6
_SIZES = (1,) * 7 + (2,) * 7 + (8,) * 12 + (128,) * 3 + (256,) * 2 + (512,)


class Operation(NamedTuple):
    """One request; `sector` and `sectors` mean nothing for a flush or a read."""

    kind: str
    sector: int
    sectors: int


@dataclass(frozen=True)
class Work:
    """The parameters from which all operations of a boot follow; sizes in sectors."""

    key: int
    sectors: int
    largest: int
    fill_sectors: int
    fill_ops: int
    granule: int = 1

    def operation(self, number: int) -> Operation:
        """Return the operation with this number; the first has number 1."""
        if number == self.fill_ops + 1:
            return self._whole(Operation(WRITE, 0, 1))
        filling = number <= self.fill_ops
        return self._behind(self._fill(number - 1) if filling else self._random(number))

    def _behind(self, operation: Operation) -> Operation:
        """What would begin in the superblock's granule is moved behind it."""
        kind, sector, sectors = operation
        if sector < self.granule:
            end = max(sector + sectors, 2 * self.granule)
            operation = Operation(kind, self.granule, end - self.granule)
        return self._whole(operation)

    def _whole(self, operation: Operation) -> Operation:
        kind, sector, sectors = operation
        end = -(-(sector + sectors) // self.granule) * self.granule
        start = sector - sector % self.granule
        return Operation(kind, start, end - start)

    def _fill(self, index: int) -> Operation:
        filled = 1 + self.fill_sectors
        writes = -(-self.fill_sectors // LARGEST_WRITE)
        if index < writes:
            sector = 1 + index * LARGEST_WRITE
            return Operation(WRITE, sector, min(LARGEST_WRITE, filled - sector))
        sector = filled + (index - writes) * LARGEST_ZERO
        return Operation(ZERO, sector, min(LARGEST_ZERO, self.sectors - sector))

    def _random(self, number: int) -> Operation:
        run = hash64(self.key, number // _RUN, 1)
        what = hash64(self.key, number, 2)
        where = hash64(self.key, number, 3)
        area = self.sectors - 1
        style = run % 10
        limit = min(self.largest, area)
        size = min(_SIZES[what >> 8 & 31], limit)
        aligned = what >> 16 & 1
        if style < 5:
            sector = 1 + where % area
        elif style < 8:
            window = min(_NEAR, area)
            sector = 1 + (run >> 8) % (area - window + 1) + where % window
        else:
            size = min(_SIZES[run >> 8 & 31], limit)
            sector = 1 + ((run >> 16) + number % _RUN * size) % area
            aligned = 1
        if aligned and sector >= size:
            sector -= sector % size
        return Operation(_KINDS[what & 63], sector, min(size, self.sectors - sector))
