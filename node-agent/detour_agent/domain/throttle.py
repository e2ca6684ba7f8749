"""A disk's limits of I/O in libvirt (``blockIoTune``): slowed down, and as they were; pure.

A call replaces all limits of a category, so all of them are always given (libvirt's
qemuDomainSetBlockIoTune; measured).
"""

import dataclasses
from collections.abc import Mapping
from typing import Final

WRITE_BYTES: Final = 4096
"""What a write of the least size costs the overlay, whatever it holds: one subcluster."""
CATEGORIES: Final = ("bytes", "iops")
MUCH_SLOWER, MUCH_FASTER = 0.9, 1.5


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """One limit by libvirt's name; 0 is none."""

    name: str
    value: int


Tune = tuple[Limit, ...]


def tune(values: Mapping[str, object]) -> Tune:
    """The limits that are numbers; a group's name is left as it is by leaving it out."""
    return tuple(
        Limit(name, value) for name, value in sorted(values.items()) if isinstance(value, int)
    )


def slowed(before: Tune, bytes_per_second: int) -> Tune:
    """The limits with which a guest's writes make an overlay grow no faster than this.

    Bursts are taken away. Where reads and writes had a limit in common, libvirt allows no other
    than a lower one in common.
    """
    after = {limit.name: limit.value for limit in before}
    for category, value in zip(
        CATEGORIES, (bytes_per_second, max(1, bytes_per_second // WRITE_BYTES)), strict=True
    ):
        kind = "total" if after.get(f"total_{category}_sec") else "write"
        name = f"{kind}_{category}_sec"
        after[name] = min(after.get(name) or value, value)
        for burst in (f"{name}_max", f"{name}_max_length"):
            if burst in after:
                after[burst] = 0
    return tuple(Limit(name, value) for name, value in sorted(after.items()))


def write_rate(limits: Tune) -> int:
    """Bytes per second that may be written, 0 if there is no limit."""
    values = {limit.name: limit.value for limit in limits}
    return values.get("total_bytes_sec") or values.get("write_bytes_sec") or 0


def is_due(now: Tune, wanted: Tune) -> bool:
    """Whether the limits are to be changed; small differences are not worth a call."""
    have, want = write_rate(now), write_rate(wanted)
    if not have or not want:
        return now != wanted
    return not MUCH_SLOWER * have <= want <= MUCH_FASTER * have
