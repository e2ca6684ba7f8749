"""A guest that found no room for a write is paused; when it may go on; pure.

QEMU pauses it (error policy ``stop`` or ``enospc``, KubeVirt's default) and does the failed write
again when it goes on: nothing is lost, however often that happens (KubeVirt facts 1, measured).
KubeVirt wakes it as well, at intervals of its own, which does no harm.
"""

import dataclasses
from typing import Final

from detour_agent.domain.budget import MIB
from detour_crds.attachment_switch import Stage, Top

ROOM_BYTES: Final = 16 * MIB
MOST_ROOM_BYTES: Final = 1024 * MIB
FIRST_SECONDS: Final = 1.0
LATEST_SECONDS: Final = 60.0
RAN_SECONDS: Final = 10.0
"""A guest that has run for so long since it was woken was woken for good."""
MOST_TRIES_OFF_OVERLAY: Final = 3
"""Off the overlay it is woken because its reason is gone. If it finds no room there either, that
is no matter of the move: KubeVirt tells of it."""
OFF_OVERLAY: Final = frozenset(
    {Stage.CANCEL, Stage.COMMITPIVOT, Stage.CANCELLED, Stage.PIVOT, Stage.DONE}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Woken:
    """How often it was woken in vain in a row, and when last, in the clock's seconds."""

    tries: int = 0
    at: float = 0.0


def may_wake(top: Top, stage: Stage, free_bytes: int, woken: Woken, now: float) -> bool:
    """Whether a paused guest may go on: there is room, ever more and later after each failure."""
    pause = min(FIRST_SECONDS * (1 << woken.tries), LATEST_SECONDS)
    if woken.tries and now - woken.at < pause:
        return False
    if top is Top.OVERLAY:
        return free_bytes >= min(ROOM_BYTES << woken.tries, MOST_ROOM_BYTES)
    own = top in (Top.SOURCE, Top.DESTINATION) and stage in OFF_OVERLAY
    return own and woken.tries < MOST_TRIES_OFF_OVERLAY


def seen_running(woken: Woken, now: float) -> Woken:
    """What to remember of it once it was seen to run."""
    return Woken() if now - woken.at >= RAN_SECONDS else woken
