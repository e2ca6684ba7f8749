"""Maintenance windows: whether one is open, and until when that is so; pure.

A window opens as Debian's cron would start a job: at a time that a change of the clocks leaves out
it opens right after the gap, at one that comes twice it opens once. It is open for a length of
time that passes, whatever the clocks show.
"""

import datetime
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import Final

from cronsim import CronSim, CronSimError

from detour_crds.volume_migration_plan import Window, WindowStatus
from detour_operator.errors import Rejected

WRONG: Final = "WindowInvalid"
MARGIN: Final = datetime.timedelta(hours=3)
"""More than any change of the clocks (two hours in Antarctica/Troll): beginning the search so far
off, no start is met in the wrong order."""
DURATION: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?", re.ASCII)
MOST_IN_A_ROW: Final = 10
"""Windows that follow one another without a pause are followed so far; then it is not known when
they close, if ever."""


def look(windows: Sequence[Window], now: datetime.datetime) -> WindowStatus:
    """Whether one of the windows is open at a time, which is in UTC.

    Raises:
        Rejected: a window cannot be read.
    """
    end = _end_of_open(windows, now)
    if end is None:
        opens = [start for one in windows if (start := _next_start(one, now)) is not None]
        return WindowStatus(open=False, until=_written(min(opens)) if opens else None)
    for _ in range(MOST_IN_A_ROW):
        later = _end_of_open(windows, end)
        if later is None:
            return WindowStatus(open=True, until=_written(end))
        end = later
    return WindowStatus(open=True)


def seconds_of(duration: str) -> int:
    """The length of a window in seconds.

    Raises:
        Rejected: it is none.
    """
    found = DURATION.fullmatch(duration)
    hours, minutes = found.groups("0") if found else ("0", "0")
    seconds = int(hours) * 3600 + int(minutes) * 60
    if not seconds:
        raise Rejected(WRONG, f"duration {duration!r} is no length of time: write 6h or 1h30m")
    return seconds


def _end_of_open(windows: Sequence[Window], at: datetime.datetime) -> datetime.datetime | None:
    ends = []
    for one in windows:
        start = _last_start(one, at)
        length = datetime.timedelta(seconds=seconds_of(one.duration))
        if start is not None and at < start + length:
            ends.append(start + length)
    return max(ends, default=None)


def _last_start(window: Window, at: datetime.datetime) -> datetime.datetime | None:
    """The last one that is not after that time."""
    second = datetime.timedelta(seconds=1)
    starts = _starts(window, at + MARGIN + second, reverse=True)
    return next((start for start in starts if start <= at), None)


def _next_start(window: Window, at: datetime.datetime) -> datetime.datetime | None:
    """The first one after that time."""
    return next((start for start in _starts(window, at - MARGIN) if start > at), None)


def _starts(
    window: Window, since: datetime.datetime, *, reverse: bool = False
) -> Iterator[datetime.datetime]:
    """The times at which it opens, in UTC, beyond a time; none if it never does."""
    zone = _zone(window.time_zone)
    try:
        found = CronSim(window.start, since.astimezone(zone), reverse=reverse)
    except (CronSimError, AssertionError) as error:
        message = f"start {window.start!r} is no crontab's five fields: {error}"
        raise Rejected(WRONG, message) from error
    return (start.astimezone(datetime.UTC) for start in found)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"timeZone {name!r} is not in the IANA database: write one as Europe/Vienna"
        raise Rejected(WRONG, message) from error


def _written(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
