"""Why Detour itself goes back to the source: limits of time and of the overlay; pure.

Only until the pivot is ordered: then the move only finishes. The times are those that the status
holds, so that an operator that was away judges as one that was there.
"""

from detour_crds.attachment_switch import Merged, Node, Order, Position, Pressure
from detour_operator.compute_side import direct
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.refusal import Refusal
from detour_operator.compute_side.step import Step, record
from detour_operator.reconcile.times import is_over

FULL = "OverlayLimitReached"
PREPARING = "PreparingTimedOut"
FREEZING = "FreezingTimedOut"
MERGING = "MergingTimedOut"
HANDING_OVER = "HandoverTimedOut"
NOTED_SECONDS = 30
"""A merge that gets on is noted no more often."""

MESSAGES = {
    FULL: (
        "the overlay reached its limit: raise spec.overlay.limit, make room on the node, or move"
        " the disk when the guest writes less"
    ),
    PREPARING: (
        "what the start needs did not come about in time, and the virtual machine was locked"
        " meanwhile: do the holder pods get scheduled, and their claims bound?"
    ),
    FREEZING: (
        "the guest's writes could not be diverted in time: is the node agent of its node running?"
    ),
    MERGING: (
        "the merge onto the destination, or QEMU's copy to it, did not get on in time: is the"
        " destination's storage fast enough?"
    ),
    HANDING_OVER: (
        "the instance could not be pointed at the destination in time: is KubeVirt's controller"
        " running, and does no policy refuse the change, which is made in its name?"
    ),
}


def overrun(seen: Observation) -> Refusal | None:
    """The limit that is reached, None if none is."""
    for reached in (_full, _preparing, _freezing, _merging):
        reason = reached(seen)
        if reason is not None:
            return Refusal(reason, MESSAGES[reason])
    return None


def _full(seen: Observation) -> str | None:
    node = seen.switch.node
    on_overlay = seen.switch.order in (Order.OVERLAY, Order.MIRRORED)
    overlay = node.overlay if node and on_overlay else None
    return FULL if overlay is not None and overlay.pressure is Pressure.REACHED else None


def _preparing(seen: Observation) -> str | None:
    """From the lock on; the order's time is that of the lock as long as nothing is ordered."""
    switch = seen.switch
    if switch.begun or not switch.compute.locked:
        return None
    late = is_over(switch.compute.order_time, seen.now, seen.limits.preparing)
    return PREPARING if late else None


def _freezing(seen: Observation) -> str | None:
    node, switch = seen.switch.node, seen.switch
    frozen = switch.status.position is Position.FROZEN or (node and node.reached is Order.OVERLAY)
    if switch.order is not Order.OVERLAY or frozen:
        return None
    late = is_over(switch.compute.order_time, seen.now, seen.limits.freezing)
    return FREEZING if late else None


def _merging(seen: Observation) -> str | None:
    """From the order on, or from when the merge was last noted to get on; its end is not noted."""
    if direct.is_waiting(seen) or seen.switch.order is not Order.MIRRORED:
        return None
    switch, merged = seen.switch, seen.switch.compute.merged
    done = switch.node is not None and switch.node.reached is Order.MIRRORED
    if not done and _has_got_on(merged, switch.node):
        return None
    since = merged.time if merged else switch.compute.order_time
    if not is_over(since, seen.now, seen.limits.merging):
        return None
    return HANDING_OVER if done else MERGING


def note_merge(seen: Observation) -> Step | None:
    """Record that the merge got on; None while there is nothing to record."""
    compute = seen.switch.compute
    left = _left(seen.switch.node)
    if left == direct.NOTHING_LEFT and direct.is_asked(seen):
        return None  # that is noted when the destination is asked for
    if left is None or not seen.now or not _has_got_on(compute.merged, seen.switch.node):
        return None
    if compute.merged and not is_over(compute.merged.time, seen.now, NOTED_SECONDS):
        return None
    merged = Merged(left_bytes=left, time=seen.now)
    reason, message = "Merging", "the overlay is being merged onto the destination"
    if direct.is_asked(seen):
        reason, message = direct.COPYING, direct.told(seen, seen.switch.node)
    return record(seen, reason, message, merged=merged)


def _has_got_on(noted: Merged | None, node: Node | None) -> bool:
    left = _left(node)
    if left is None:
        return False
    return noted is None or noted.left_bytes is None or left < noted.left_bytes


def _left(node: Node | None) -> int | None:
    merge = node.merge if node else None
    if merge is None or merge.bytes_total is None:
        return None
    return max(0, merge.bytes_total - (merge.bytes_done or 0))
