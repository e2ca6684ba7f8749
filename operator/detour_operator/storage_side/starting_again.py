"""A move whose guest stopped in the middle starts again, and not without a pause for ever; pure.

A guest that crashes again and again would have its disk copied again and again, and each of its
starts wait for a merge. As kubelet does with a container, the pause doubles with each time.
"""

from detour_crds.volume_migration import GuestStops, Phase, WhenStopped
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side.actions import DeleteSwitch
from detour_operator.storage_side.decision import (
    BUSY_SECONDS,
    LOOK_SECONDS,
    Decision,
    is_unwanted,
)
from detour_operator.storage_side.observation import Observation, SeenSwitch

STOPPED_AGAIN = "GuestStoppedAgain"
AGAIN = 2
"""After its first stop the move starts again at once."""
FIRST_SECONDS, MOST_SECONDS = 60.0, 3600.0
MOST_DOUBLINGS = 6
"""By then it is the most: a count out of an object may be any number."""


def is_due(seen: Observation) -> bool:
    """Finish was asked for too late for its switch, or before that had frozen anything."""
    return not is_unwanted(seen) and seen.spec.when_stopped is not WhenStopped.CANCEL


def start_again(seen: Observation, switch: SeenSwitch) -> Decision:
    """From nothing, with another switch: that the source was frozen is forgotten first."""
    message = "the guest stopped in the middle; what it wrote is on the source: starting again"
    return Decision(
        phase=Phase.PREPARING,
        message=message,
        facts={
            "start_time": None,
            "copied": None,
            "copied_time": None,
            "external": None,
            "guest_stops": _counted(seen, switch),
        },
        actions=(DeleteSwitch(switch.meta),),
        after=BUSY_SECONDS,
    )


def pause(seen: Observation) -> Decision | None:
    """Until it is time for the next start; None then, and where the guest stopped once."""
    stops = seen.status.guest_stops
    count = (stops.count or 0) if stops else 0
    if stops is None or stops.time is None or count < AGAIN:
        return None
    seconds = _pause_seconds(count)
    if is_over(stops.time, seen.now, seconds):
        return None
    message = (
        f"the guest stopped in the middle {count} times, last at {stops.time}: the move starts"
        f" again {int(seconds // 60)} min after that. See why it stops, or stop the virtual"
        " machine, which can be moved as well"
    )
    return Decision(phase=Phase.PENDING, reason=STOPPED_AGAIN, message=message, after=LOOK_SECONDS)


def _counted(seen: Observation, switch: SeenSwitch) -> GuestStops:
    """Each switch counts once, however many passes it takes to go."""
    before = seen.status.guest_stops or GuestStops()
    if before.switch_uid == switch.meta.uid:
        return before
    return GuestStops(count=(before.count or 0) + 1, switch_uid=switch.meta.uid, time=seen.now)


def _pause_seconds(count: int) -> float:
    return min(FIRST_SECONDS * (1 << min(count - AGAIN, MOST_DOUBLINGS)), MOST_SECONDS)
