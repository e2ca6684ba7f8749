"""When the record of a move that is over may go; pure.

A record outlives its overlay: if the API is restored from an old backup, it still says where the
data is (rule R11). So it goes only once its switch is surely gone, and such a backup too old to be
restored. What is not known keeps it.
"""

import dataclasses
from collections.abc import Collection, Mapping

from detour_crds.attachment_switch import Stage

ENDS = frozenset({Stage.DONE, Stage.CANCELLED})
"""Where another image was seen to have all that an overlay may hold."""
OVER = frozenset({*ENDS, Stage.NONE})
GONE_SECONDS = 3600.0
"""For so long the API has to say that there is no such switch."""
KEPT_SECONDS = 30 * 24 * 3600.0
"""A backup of the API that is older than this is not restored any more."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record on the node's disk.

    Attributes:
        age_seconds: since it was written last.
        overlay: whether an overlay is beside it; None if that cannot be known.
        owes: the guest's disk has limits of I/O that are to be put back.
    """

    switch_uid: str
    stage: Stage
    age_seconds: float
    overlay: bool | None
    owes: bool = False


def is_over(found: Found) -> bool:
    """Whether nothing but its switch in the API may need the record any more.

    Nor an overlay beside it: its node was lost at the end, and the switch has gone meanwhile.
    """
    left_over = found.overlay is True and found.stage in ENDS
    nothing_left = (found.overlay is False or left_over) and not found.owes
    return found.stage in OVER and nothing_left and found.age_seconds >= KEPT_SECONDS


def absent_since(
    before: Mapping[str, float], asked: Collection[str], there: Collection[str], now: float
) -> dict[str, float]:
    """Since when the API has said of each switch that it is not there.

    ``there`` are all switches of a complete answer; one that is seen again begins anew.
    """
    return {uid: before.get(uid, now) for uid in asked if uid not in there}


def may_go(found: Found, absent: float | None, now: float) -> bool:
    """Whether the record may be removed; ``absent``: since when its switch is, None if it is not.

    Times are on one clock that only grows.
    """
    return is_over(found) and absent is not None and now - absent >= GONE_SECONDS
