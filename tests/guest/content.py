"""What a sector written by the guest holds; the same as `writer/content.c`.

512 bytes: magic, epoch, operation, sector (8 bytes each, little endian), a body of 464 bytes,
operation and sector again. The body is a window of a table that follows from the epoch alone.
"""

import struct
from dataclasses import dataclass

SECTOR = 512
ZEROES = bytes(SECTOR)
MAGIC = b"DETOUR01"
HEADER = struct.Struct("<8sQQQ")
TRAILER = struct.Struct("<QQ")
BODY = SECTOR - HEADER.size - TRAILER.size

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_LANE = 0xD1B54A32D192ED03
_WORDS = (65536 + BODY) // 8


def mix(value: int) -> int:
    """Return the finaliser of splitmix64 of a 64-bit number."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def hash64(key: int, number: int, lane: int) -> int:
    """Return the pseudo-random number that belongs to `number` under `key`."""
    return mix(mix(key + number * _GAMMA & _MASK) + lane * _LANE & _MASK)


class Content:
    """Everything that the boot with this epoch can have written."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        words = (mix(epoch + i * _GAMMA & _MASK) for i in range(1, _WORDS + 1))
        self.table = struct.pack(f"<{_WORDS}Q", *words)

    def sector(self, operation: int, sector: int) -> bytes:
        """Return the 512 bytes that `operation` writes to `sector`."""
        window = (operation * 0x9E3779B1 + sector * 0x85EBCA77 & 0xFFFFFFFF) >> 16
        return (
            HEADER.pack(MAGIC, self.epoch, operation, sector)
            + self.table[window : window + BODY]
            + TRAILER.pack(operation, sector)
        )


@dataclass(frozen=True)
class Stamp:
    """What the sector says about itself; `whole` is False for a mix of two writes."""

    epoch: int
    operation: int
    sector: int
    whole: bool


def decode(data: bytes, known: dict[int, Content]) -> Stamp | None:
    """Read a sector's stamp; None if it was not written by a guest.

    Args:
        data: the 512 bytes.
        known: contents by epoch. A body of another epoch cannot be compared and counts as whole.
    """
    magic, epoch, operation, sector = HEADER.unpack_from(data)
    if magic != MAGIC:
        return None
    if epoch in known:
        whole = known[epoch].sector(operation, sector) == data
    else:
        whole = TRAILER.unpack_from(data, SECTOR - TRAILER.size) == (operation, sector)
    return Stamp(epoch, operation, sector, whole)
