"""Compares an image, sector by sector, with the model; decides only right or wrong."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from guest.content import SECTOR, ZEROES, Content
from guest.model import CLEARED, UNDEFINED, Model, header_of

_PIECE = 4 << 20
KEPT = 50_000


@dataclass
class Scan:
    """The sectors that hold what they must not, with what they hold; and what was looked at.

    Of more than `KEPT` wrong sectors the rest is only counted, in `more`.
    """

    wrong: dict[int, bytes] = field(default_factory=dict)
    more: int = 0
    checked: int = 0
    undefined: int = 0
    missing_sectors: int = 0


def extents(fd: int, size: int) -> Iterator[tuple[int, int, bool]]:
    """Yield start, end and whether there is data, over the whole file.

    A file system without holes has one extent. So has a block device, which cannot be asked.
    """
    if stat.S_ISBLK(os.fstat(fd).st_mode):
        yield 0, size // SECTOR * SECTOR, True
        return
    at = 0
    while at < size:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            data = size
        data = min(data // SECTOR * SECTOR, size)
        if data > at:
            yield at, data, False
        if data >= size:
            return
        hole = min(os.lseek(fd, data, os.SEEK_HOLE), size)
        hole = min(-(-hole // SECTOR) * SECTOR, size)
        yield data, hole, True
        at = hole


class Scanner:
    """Walks one image."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.contents = [Content(header_of(boot).epoch) for boot in model.boots]
        self.result = Scan()

    def scan(self, image: Path) -> Scan:
        """Compare all sectors the guest can see; what is behind them is not its disk."""
        fd = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.lseek(fd, 0, os.SEEK_END)
            visible = min(size // SECTOR, self.model.sectors) * SECTOR
            self.result.missing_sectors = self.model.sectors - visible // SECTOR
            for start, end, data in extents(fd, visible):
                if data:
                    self._data(fd, start, end)
                else:
                    self._hole(start // SECTOR, end // SECTOR)
        finally:
            os.close(fd)
        self.result.undefined = self.model.written.count(UNDEFINED)
        self.result.checked = visible // SECTOR - self.result.undefined
        return self.result

    def _hole(self, start: int, end: int) -> None:
        solid = self.model.solid
        sector = solid.find(1, start, end)
        while sector >= 0:
            self._wrong(sector, ZEROES)
            sector = solid.find(1, sector + 1, end)

    def _data(self, fd: int, start: int, end: int) -> None:
        for at in range(start, end, _PIECE):
            piece = os.pread(fd, min(_PIECE, end - at), at)
            if len(piece) != min(_PIECE, end - at):
                raise OSError(errno.EIO, "short read")
            self._piece(piece, at // SECTOR)

    def _piece(self, piece: bytes, first: int) -> None:
        """Compare with the one likely content; only what differs is looked at again."""
        written = self.model.written
        low = high = 0
        content = self.contents[0]
        at = 0
        for sector in range(first, first + len(piece) // SECTOR):
            data = piece[at : at + SECTOR]
            at += SECTOR
            identity = written[sector]
            if identity <= CLEARED:
                if identity == UNDEFINED or data == ZEROES:
                    continue
            else:
                if not low <= identity < high:
                    index, number = self.model.locate(identity)
                    low = identity - number
                    high = (*self.model.bases, 1 << 32)[index + 1]
                    content = self.contents[index]
                if data == content.sector(identity - low, sector):
                    continue
            if not self._allowed(sector, data):
                self._wrong(sector, data)

    def _wrong(self, sector: int, data: bytes) -> None:
        if len(self.result.wrong) < KEPT:
            self.result.wrong[sector] = data
        else:
            self.result.more += 1

    def _allowed(self, sector: int, data: bytes) -> bool:
        if data == ZEROES and not self.model.solid[sector]:
            return True
        for identity in self.model.perhaps.get(sector, ()):
            index, number = self.model.locate(identity)
            if data == self.contents[index].sector(number, sector):
                return True
        return False
