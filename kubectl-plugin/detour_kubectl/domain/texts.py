"""Amounts as people read them."""

import datetime
from typing import Final

KIB: Final = 1024
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
MINUTE, HOUR, DAY = 60, 3600, 86400
EXACT_BELOW: Final = 10


def size(count: int) -> str:
    """Bytes in the biggest unit that leaves a number of at least one."""
    amount, unit = float(count), 0
    while amount >= KIB and unit < len(UNITS) - 1:
        amount, unit = amount / KIB, unit + 1
    exact = unit > 0 and amount < EXACT_BELOW
    return f"{amount:.1f} {UNITS[unit]}" if exact else f"{amount:.0f} {UNITS[unit]}"


def rate(per_second: float) -> str:
    """Bytes per second."""
    return f"{size(round(per_second))}/s"


def duration(seconds: float) -> str:
    """A time in its two biggest units, as ``2m 5s``."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m {whole % MINUTE}s"
    if whole < DAY:
        return f"{whole // HOUR}h {whole % HOUR // MINUTE}m"
    return f"{whole // DAY}d {whole % DAY // HOUR}h"


def share(part: int, whole: int) -> int:
    """Percent, rounded down; never more than 100."""
    return min(100, part * 100 // whole) if whole > 0 else 0


def moment(stamp: str | None) -> datetime.datetime | None:
    """A time as the API writes it; None if there is none."""
    return datetime.datetime.fromisoformat(stamp) if stamp else None


def between(start: str | None, end: str | None) -> float | None:
    """Seconds from one of the API's times to another; None unless both are there."""
    first, last = moment(start), moment(end)
    return None if first is None or last is None else (last - first).total_seconds()


def age(stamp: str | None, now: datetime.datetime) -> str:
    """How long ago that was."""
    then = moment(stamp)
    return "" if then is None else duration((now - then).total_seconds())
