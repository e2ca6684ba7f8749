"""Whether the guest is there: QEMU is what counts, and its node's agent is who says (rule R7)."""

from detour_crds.attachment_switch import Order, Position, Qemu
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.step import Step, stall, wait

ENDS = (Order.DESTINATION, Order.SOURCE)


def at_end(seen: Observation) -> bool:
    """Whether the node agent has reached the end that was ordered."""
    order, node = seen.switch.order, seen.switch.node
    return order in ENDS and node is not None and node.reached is order


def lost(seen: Observation) -> Step | None:
    """What to tell if the guest is not there, or not where it was; None if it is.

    None, too, once the node agent has reached the end that was ordered (what is left then concerns
    the guest's next start, rows D3 and D9), and once QEMU is surely gone (``stopped``).
    """
    node = seen.switch.node
    if at_end(seen):
        return None
    if node is not None and node.qemu is Qemu.GONE:
        if not seen.alive:
            return None
        message = "the guest stopped: waiting for KubeVirt to say that its instance has ended"
        return wait("GuestStopped", message)  # row U4
    if not seen.alive:  # row U3
        where = seen.switch.compute.node
        message = f"the instance is gone or has ended: waiting for the node agent of {where}"
        return wait("InstanceGone", f"{message} to see the end of its QEMU")
    instance = seen.own_instance
    if instance is not None and instance.node != seen.switch.compute.node:
        message = f"the instance moved from {seen.switch.compute.node} to {instance.node}"
        return stall("InstanceMoved", f"{message} in spite of the lock: everything is kept")
    return None


def certain(seen: Observation) -> Step | None:
    """Wait until no old QEMU can be beside the next start (row U3); None when that is so.

    Where the machine was free to restart already (position Destination), KubeVirt has seen to it.
    """
    node = seen.switch.node
    gone = node is not None and node.qemu is Qemu.GONE
    if seen.alive or gone or seen.switch.status.position is Position.DESTINATION:
        return None
    message = f"waiting for the node agent of {seen.switch.compute.node} to see the end of QEMU"
    return wait("InstanceGone", message)
