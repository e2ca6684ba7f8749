"""How much an overlay may take, and what its growth calls for; pure.

Everything is bytes, seconds and bytes per second. The limit is what stays free above kubelet's
eviction threshold with a margin, so that reaching it is far from ENOSPC: what is decided at the
limit has the time it needs.
"""

import dataclasses
from typing import Final

from detour_crds.attachment_switch import Pressure
from detour_crds.volume_migration import NearLimit

MIB: Final = 1024**2
GIB: Final = 1024**3

NEAR_PERCENT: Final = 80
RELEASE_PERCENT: Final = 75
"""Below it a throttle is taken off again; the gap keeps it from coming and going."""
MARGIN_BYTES: Final = GIB
MARGIN_DIVISOR: Final = 100
"""The margin above what is kept free is a hundredth of the file system, at most ``MARGIN_BYTES``:
others write to it as well, between two looks."""
WORTH_BYTES: Final = 256 * MIB
"""No start with less room than this, unless the disk itself is smaller: it would only cancel."""
LEAST_LIMIT_BYTES: Final = 8 * MIB
"""An empty overlay takes about one MiB of tables (measured)."""

THROTTLE_SECONDS: Final = 1800
"""Under a throttle the guest would need half an hour to fill what is left, whenever one looks."""
BACK_SECONDS: Final = 120
"""On the way back the guest would need two minutes to fill the file system: to its end, as by then
nothing else can be done."""
LEAST_WRITE_RATE: Final = 128 * 1024
"""A throttle never stops the guest."""
REACT_SECONDS: Final = 5
"""From a look that finds the limit to the beginning of the way back, with the API between them."""

ASSUMED_RATE: Final = GIB
"""What an idle guest may begin to write from one look to the next."""
RATE_MAY_GROW: Final = 2
LOOKS_AHEAD: Final = 2
"""So often it is looked at before the limit could be there."""
SOONEST_SECONDS: Final = 0.5
LATEST_SECONDS: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The file system of the overlay. ``kept_bytes`` of it are left free; inodes 0 of none."""

    free_bytes: int
    kept_bytes: int
    total_bytes: int
    free_inodes: int = 0
    kept_inodes: int = 0
    total_inodes: int = 0
    with_source: bool = False
    """The source's image is on it, too, and takes on a cancel what the overlay has taken."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One look at the overlay.

    Attributes:
        taken: bytes it takes.
        limit: bytes it may take.
        room: bytes that may still be taken from the file system.
        free: bytes until ENOSPC.
        rate: growth per second since the last look, None if this is the first one.
        near_limit: what the spec asks for.
        may_cancel: the way back is open and not yet taken.
        throttled: the guest's writes are slowed down already.
    """

    taken: int
    limit: int
    room: int
    free: int
    rate: int | None = None
    near_limit: NearLimit = NearLimit.CANCEL
    may_cancel: bool = True
    throttled: bool = False

    @property
    def left(self) -> int:
        """Bytes it may still grow."""
        return max(0, min(self.limit - self.taken, self.room))

    def filled(self, percent: int) -> bool:
        """Whether it takes this share of what it may take now."""
        return self.taken * 100 >= (self.taken + self.left) * percent


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the growth calls for.

    ``write_rate`` is what the guest may write per second, None for as much as it wants. ``look``
    are the seconds until the next look.
    """

    pressure: Pressure | None = None
    write_rate: int | None = None
    look: float = LATEST_SECONDS


def spare(room: Room, taken: int = 0) -> int:
    """Bytes that may be taken, beside those that are, without nearing what is kept free."""
    margin = min(MARGIN_BYTES, room.total_bytes // MARGIN_DIVISOR)
    free = room.free_bytes - room.kept_bytes - margin
    return max(0, (free - taken) // 2 if room.with_source else free)


def limit(room: Room, wanted: int | None) -> int:
    """Bytes an overlay that is begun now may take; ``wanted`` is the spec's limit."""
    return spare(room) if wanted is None else min(wanted, spare(room))


def no_room(room: Room, wanted: int | None, disk_bytes: int) -> str | None:
    """Why no overlay should be begun, None if one may be."""
    if wanted is not None and wanted < LEAST_LIMIT_BYTES:
        return f"spec.overlay.limit is {wanted} bytes; ask for at least {LEAST_LIMIT_BYTES}"
    if room.total_inodes and room.free_inodes < room.kept_inodes:
        return (
            f"the overlay's file system has {room.free_inodes} of {room.total_inodes} inodes left;"
            f" {room.kept_inodes} are kept free: remove files from it"
        )
    least = min(WORTH_BYTES, max(disk_bytes, LEAST_LIMIT_BYTES), wanted or WORTH_BYTES)
    if spare(room) >= least:
        return None
    return (
        f"the overlay would have room for {spare(room)} bytes, of {least} at least: its file"
        f" system has {room.free_bytes} bytes free, of which {room.kept_bytes} and a margin are"
        " kept free; make room, or move the disk while the machine is stopped"
    )


def growth_rate(before: tuple[float, int] | None, now: float, taken: int) -> int | None:
    """Growth per second between two looks (their time and bytes), None for a first look."""
    if before is None or now <= before[0]:
        return None
    return max(0, round((taken - before[1]) / (now - before[0])))


def judge(seen: Growth) -> Verdict:
    """What one look calls for."""
    pressure = _pressure(seen)
    rate = _write_rate(seen, pressure)
    if pressure is Pressure.NEAR and rate is not None:
        pressure = Pressure.THROTTLED
    return Verdict(pressure, rate, _next_look(seen))


def _pressure(seen: Growth) -> Pressure | None:
    if not seen.filled(NEAR_PERCENT):
        return None
    grows = seen.rate or 0
    ahead = 0 if seen.near_limit is NearLimit.THROTTLE else grows * REACT_SECONDS
    return Pressure.REACHED if seen.left <= ahead else Pressure.NEAR


def _write_rate(seen: Growth, pressure: Pressure | None) -> int | None:
    if not seen.filled(RELEASE_PERCENT if seen.throttled else NEAR_PERCENT):
        return None
    back = pressure is Pressure.REACHED or not seen.may_cancel
    if not back and seen.near_limit is not NearLimit.THROTTLE:
        return None
    most = seen.free // BACK_SECONDS if back else seen.left // THROTTLE_SECONDS
    return max(LEAST_WRITE_RATE, most)


def _next_look(seen: Growth) -> float:
    fastest = max((seen.rate or 0) * RATE_MAY_GROW, ASSUMED_RATE)
    seconds = seen.left / (fastest * LOOKS_AHEAD)
    return min(LATEST_SECONDS, max(SOONEST_SECONDS, seconds))
