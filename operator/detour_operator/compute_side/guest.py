"""Whether the guest is there: QEMU is what counts, and its node's agent is who says (rule R7)."""

import dataclasses

from detour_crds import stops
from detour_crds.answers import ENDS
from detour_crds.attachment_switch import Compute, Position, Qemu
from detour_crds.volume_migration import Trust
from detour_operator.compute_side.observation import Nothing, Observation, Pod
from detour_operator.compute_side.step import Step, stall, wait, wait_for_agent

NODE_LOST = stops.NODE_LOST


def at_end(seen: Observation) -> bool:
    """Whether the node agent has reached the end that was ordered."""
    order, node = seen.switch.order, seen.switch.node
    return order in ENDS and node is not None and node.reached is order


def left_alone(seen: Observation) -> bool:
    """Whether the node was lost after the end was reached: its agent tidies up when it is back.

    All of the disk is on one claim by then, and nothing of it in the overlay alone.
    """
    return at_end(seen) and seen.node_lost is True


def let_go(seen: Observation, pod: Pod | Nothing) -> bool:
    """Whether nobody need wait for the end of a pod of Detour's any more.

    On a node that was lost after the end its deletion is enough: it writes nothing, and kubelet
    ends it when the node is back.
    """
    ending = isinstance(pod, Pod) and pod.deleting
    return pod is Nothing.ABSENT or (ending and left_alone(seen))


def is_told(seen: Observation) -> bool:
    """Whether the loss of the node is on record: only then can it be answered."""
    compute = seen.switch.compute
    return compute.lost_node is not None and compute.lost_node == compute.node


def qemu_is_gone(seen: Observation) -> bool:
    """Whether its node's agent saw the end of QEMU, or the node is given up.

    A finisher is recorded in these cases alone. On the node that a move was handed to only that
    pod lets the agent look: it may be lost before the agent has said anything.
    """
    node = seen.switch.node
    told = node is not None and node.qemu is Qemu.GONE
    return told or seen.switch.compute.finisher_pod is not None


def answer(seen: Observation) -> Trust | None:
    """``spec.trust``, where it was given for this very loss of the node."""
    spec = seen.switch.spec
    counts = is_told(seen) and spec.answered_stop == _stop(seen.switch.compute)
    return spec.trust if counts else None


def answers_another(seen: Observation) -> bool:
    """Whether there is an answer, and it is not to this loss of the node."""
    return seen.switch.spec.trust is not None and answer(seen) is None


def node_lost(seen: Observation, message: str) -> Step:
    """Keep everything; what is answered to the stop of that name is about this loss."""
    compute = seen.switch.compute
    if is_told(seen):
        return stall(NODE_LOST, message, _stop(compute))
    losses = (compute.losses or 0) + 1
    told = dataclasses.replace(compute, lost_node=compute.node, losses=losses)
    return dataclasses.replace(stall(NODE_LOST, message, _stop(told)), compute=told)


def _stop(compute: Compute) -> str:
    return stops.of_lost_node(compute.token or "", compute.losses or 0)


def waits_for_node(seen: Observation, what: str) -> Step:
    """After the end was reached: ``what`` is left, which none but the lost node can settle."""
    truth = ENDS[seen.switch.order]
    message = (
        f"the node {seen.switch.compute.node} is gone; the guest's data is on the"
        f" {truth.lower()}, and nothing is lost, but {what}. Bring the node back and this goes on"
        " by itself. If the guest surely does not run there any more, taint the node"
        f" out-of-service, or remove the Node and set spec.trust to {truth}"
    )
    return node_lost(seen, message)


def lost(seen: Observation) -> Step | None:
    """What to tell if the guest is not there, or not where it was; None if it is.

    None, too, once the node agent has reached the end that was ordered (what is left then concerns
    the guest's next start, rows D3 and D9), and once QEMU is surely gone (``stopped``).
    """
    if at_end(seen):
        return None
    if qemu_is_gone(seen):
        if not seen.alive:
            return None
        message = "the guest stopped: waiting for KubeVirt to say that its instance has ended"
        return wait("GuestStopped", message)  # row U4
    if not seen.alive:  # row U3
        where = seen.switch.compute.node
        message = f"the instance is gone or has ended: waiting for the node agent of {where}"
        return wait_for_agent(seen, "InstanceGone", f"{message} to see the end of its QEMU")
    instance = seen.own_instance
    if instance is not None and instance.node != seen.switch.compute.node:
        message = f"the instance moved from {seen.switch.compute.node} to {instance.node}"
        return stall("InstanceMoved", f"{message} in spite of the lock: everything is kept")
    return None


def certain(seen: Observation) -> Step | None:
    """Wait until no old QEMU can be beside the next start (row U3); None when that is so.

    Where the machine was free to restart already (position Destination), KubeVirt has seen to it.
    Of a lost node that is a person's word, as in ``abandoning``.
    """
    free = seen.switch.status.position is Position.DESTINATION
    if seen.alive or qemu_is_gone(seen) or free:
        return None
    if seen.node_lost is True:
        off = seen.node_given_up is True or answer(seen) is ENDS.get(seen.switch.order)
        return None if off else waits_for_node(seen, "its QEMU may still be writing there")
    message = f"waiting for the node agent of {seen.switch.compute.node} to see the end of QEMU"
    return wait_for_agent(seen, "InstanceGone", message)
