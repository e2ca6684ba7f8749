"""The table at the end of the demo."""

import datetime

from guest.log import Boots
from harness.machine import Verdict
from harness.migration import Object, Timeline

STAGES = (
    ("checks and lock", "applied", "Locked"),
    ("start: writes diverted", "Locked", "SourceFrozen"),
    ("copy", "SourceFrozen", "Copied"),
    ("complete: merge and pivot", "Copied", "SourceReleased"),
    ("handover and clean-up", "SourceReleased", "Succeeded"),
)


def milliseconds(microseconds: int | None) -> str:
    """For people; unknown is not zero."""
    return "not seen" if microseconds is None else f"{microseconds / 1000:.0f} ms"


def longest(boots: Boots, start: float, end: float) -> str:
    """The longest write the guest saw between two moments of the looker's clock."""
    moments = [datetime.datetime.fromtimestamp(moment, datetime.UTC) for moment in (start, end)]
    return milliseconds(boots.longest_us(*moments))


def table(
    timeline: Timeline, status: Object, switch: Object, boots: Boots, verdicts: dict[str, Verdict]
) -> list[tuple[str, str]]:
    """Rows of a name and a value."""
    moment = {"applied": timeline.started, **timeline.reached}
    rows = [
        (f"time: {name}", f"{moment[end] - moment[start]:.1f} s")
        for name, start, end in STAGES
        if start in moment and end in moment
    ]
    rows.append(("time: whole move", f"{moment['Succeeded'] - timeline.started:.1f} s"))
    quiet = (timeline.started - 8, timeline.started - 1)
    start = (moment["Locked"], moment["SourceFrozen"] + 1)
    pivot = (moment["Copied"], moment["SourceReleased"] + 1)
    rows += [
        ("longest write: quiet period", longest(boots, *quiet)),
        ("longest write: around the start", longest(boots, *start)),
        ("longest write: around the pivot", longest(boots, *pivot)),
    ]
    pauses = status.get("pauses", {})
    rows += [
        ("call that diverts the writes", f"{pauses.get('startMilliseconds', '?')} ms"),
        ("call that pivots", f"{pauses.get('pivotMilliseconds', '?')} ms"),
        ("bytes of the disk copied", f"{status['progress']['bytesDone']:,}"),
        ("bytes merged", f"{switch['node'].get('merge', {}).get('bytesDone', 0):,}"),
    ]
    for name, verdict in verdicts.items():
        rows.append((name, words(verdict)))
    return rows


def words(verdict: Verdict) -> str:
    """A verdict in a line."""
    report = verdict.report
    if not verdict.passed:
        return "LOST OR MIXED DATA"
    return (
        f"{report['acknowledged_operations']:,} acknowledged writes, "
        f"{report['sectors_checked']:,} sectors: all there"
    )
