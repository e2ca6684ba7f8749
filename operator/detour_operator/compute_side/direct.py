"""The form in which QEMU copies the disk itself (``spec.mirror``): nothing is frozen.

In place of the order Overlay comes the order Mirrored at once, under which the node agent copies
and keeps both images the same; there the move waits until the caller asks for the destination.
Naming the destination is the permission to write over it. The source has everything until the
switch: a guest that stops before goes on there, and nothing is to be merged.
"""

from detour_crds.attachment_switch import Merged, Node, Order, Position, Qemu
from detour_operator.compute_side.observation import Claim, Observation
from detour_operator.compute_side.step import Step, record, wait

COPYING = "Mirroring"
COPIED = "Mirrored"
NOTHING_LEFT = 0


def is_asked(seen: Observation) -> bool:
    """Whether the caller wants this form, and the machine ran at the start."""
    return seen.switch.spec.mirror is not None and not seen.switch.compute.offline


def order(seen: Observation) -> Step:
    """The order Mirrored, once there is a destination that may be written over."""
    if not isinstance(seen.destination_claim, Claim):
        message = "locked; waiting for spec.destination, which QEMU is to copy to"
        if seen.switch.destination:
            message = f"waiting for the destination claim {seen.switch.destination}: create it"
        return wait("WaitingForDestination", message)
    message = "QEMU is to copy the disk to the destination"
    return record(seen, COPYING, message, order=Order.MIRRORED)


def is_waiting(seen: Observation) -> bool:
    """Whether both images are kept the same until the destination is asked for."""
    node = seen.switch.node
    reached = node is not None and node.reached is Order.MIRRORED
    waits = seen.switch.spec.position is not Position.DESTINATION
    return is_asked(seen) and seen.switch.order is Order.MIRRORED and reached and waits


def wait_for_caller(seen: Observation) -> Step | None:
    """Wait for the position Destination; None once it is asked for, and that was noted.

    From then on the time counts in which the instance is to be handed over.
    """
    if not is_asked(seen):
        return None
    if is_waiting(seen):
        message = "both images are the same and kept so: set spec.position to Destination"
        return wait(COPIED, message)
    merged = seen.switch.compute.merged
    if merged is not None and merged.left_bytes == NOTHING_LEFT:
        return None
    asked = Merged(left_bytes=NOTHING_LEFT, time=seen.now or None)
    return record(seen, COPIED, "the destination was asked for", merged=asked)


def told(seen: Observation, node: Node | None) -> str:
    """What happens under the order Mirrored."""
    merge = node.merge if node else None
    if merge is None or not merge.bytes_total:
        return "QEMU is about to copy the disk to the destination"
    percent = (merge.bytes_done or 0) * 100 // merge.bytes_total
    return f"QEMU copies the disk to the destination: {percent} percent"


def at_stake(seen: Observation) -> str:
    """What a node that is gone has taken with it: nothing but the knowledge of the switch."""
    told = f"the node {seen.switch.compute.node} is gone. Bring it back and this goes on by itself"
    if seen.switch.order is not Order.DESTINATION:
        return (
            f"{told}. The source has everything that the guest was told is written: if the node"
            " never comes back, and the guest surely does not run there, set spec.trust to Source"
        )
    return (
        f"{told}. The switch to the destination was ordered, and only that node knows whether it"
        " was made: if it never comes back, and the guest surely does not run there, set"
        " spec.trust to Destination, or to Source to give up what was written since the switch"
    )


def stopped_before_switch(seen: Observation) -> bool:
    """Whether the guest ended after the switch was ordered, and the node agent saw it not made."""
    node = seen.switch.node
    gone = node is not None and node.qemu is Qemu.GONE and node.refused is True
    return is_asked(seen) and gone
