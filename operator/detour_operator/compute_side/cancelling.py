"""Back to the source: final (recovery rule R1), and possible until the pivot is ordered.

Ordering: the instance is back on the source and the fence closed, both seen, before the order
Source, because the node agent commits as soon as it reads it.
"""

from detour_crds.attachment_switch import Handover, Order, Position, Stage
from detour_operator.compute_side import (
    answering,
    direct,
    guest,
    limits,
    namespace,
    stopped,
    undo,
)
from detour_operator.compute_side.fence import close_fence, point_instance_at
from detour_operator.compute_side.observation import Machine, Observation
from detour_operator.compute_side.refusal import Refusal
from detour_operator.compute_side.step import Step, record, stall, wait_for_agent

CANCELLED = "Cancelled"
FAILED = "DestinationFailed"
_CANCELLED = Refusal(CANCELLED, "the switch was cancelled: the machine stays on the source")
STARTED = Refusal(
    "VirtualMachineStarted",
    "the virtual machine was started in spite of the lock: it stays on the source",
)
_ABANDONED = Refusal(
    guest.NODE_LOST, "the node with the overlay is gone; its last writes were given up"
)
_TRUSTED = Refusal(
    "SourceTrusted", "the machine stays on the source, as spec.trust says after a stop"
)
_STOPPED = Refusal(
    stopped.GUEST_STOPPED,
    "the guest stopped before the destination was asked for: what it wrote is on the source",
)
_NAMESPACE = Refusal(
    namespace.NAMESPACE_DELETED, "the namespace was deleted: what the guest wrote is on the source"
)

OWN = {
    **limits.MESSAGES,
    **{why.reason: why.message for why in (_STOPPED, _TRUSTED, _NAMESPACE)},
}
"""Why Detour itself goes back, beside a destination that failed."""


def reason(seen: Observation) -> Refusal | None:
    """Why the switch goes back to the source, None if it does not.

    Once the order is Destination, neither the caller nor the deletion of the object cancels
    (recovery rule R9): only the node agent's promise never to pivot under this token does (R4).
    """
    switch = seen.switch
    if switch.compute.handover is Handover.NOT_NEEDED:
        return ended(seen)
    if _trusts_source(seen):
        return _TRUSTED
    if switch.order is Order.DESTINATION:
        if direct.stopped_before_switch(seen):
            return _STOPPED  # row M21
        refused = switch.node is not None and switch.node.refused is True
        return _failed(seen) if refused else None  # row L17
    if namespace.is_ending(seen):
        return _NAMESPACE
    if switch.spec.position is Position.SOURCE or switch.deleting:
        return _CANCELLED
    if switch.order is Order.SOURCE or stopped.goes_back(seen):
        return _STOPPED
    if switch.order is Order.MIRRORED and _mirror_failed(seen):
        return _failed(seen)  # row L10
    return limits.overrun(seen)


def _trusts_source(seen: Observation) -> bool:
    """Whether the node agent has ended the attempt on the source because a person said so."""
    node = seen.switch.node
    if node is None or not answering.trusts_source(seen):
        return False
    ended = node.refused is True or seen.switch.order is Order.SOURCE
    return ended and node.stage is Stage.CANCELLED


def _mirror_failed(seen: Observation) -> bool:
    node = seen.switch.node
    return node is not None and node.last_error is not None and node.last_error.reason == FAILED


def ended(seen: Observation) -> Refusal:
    """Why the switch went, or goes, back to the source."""
    switch, compute = seen.switch, seen.switch.compute
    if namespace.is_let_go(seen):
        return Refusal(namespace.NAMESPACE_DELETED, namespace.left_behind(seen))
    if compute.handover is Handover.NOT_NEEDED:
        own = OWN.get(compute.cancel_reason or FAILED)
        return Refusal(compute.cancel_reason or FAILED, own) if own else _failed(seen)
    if switch.order is not Order.NONE and compute.node is None and not compute.offline:
        return _ABANDONED
    if _trusts_source(seen):
        return _TRUSTED
    if switch.spec.position is Position.SOURCE or switch.deleting:
        return _CANCELLED
    if compute.offline:
        return STARTED
    return _STOPPED if switch.order is Order.SOURCE else _CANCELLED


def _failed(seen: Observation) -> Refusal:
    node = seen.switch.node
    told = node.last_error.message if node and node.last_error else None
    message = "the destination failed before the guest was switched: it stays on the source"
    return Refusal(FAILED, f"{message} ({told})" if told else message)


def cancel(seen: Observation, why: Refusal) -> Step:
    """The next step back to the source."""
    if seen.switch.order is Order.NONE:
        turned = _turned_back(seen, why)
        end = undo.unlock(seen, why.reason, why.message, Position.SOURCE)
        return turned or undo.before_any_order(seen, why) or end
    return (
        _turned_back(seen, why)
        or _instance_back(seen)
        or _order(seen, why)
        or _finisher(seen)
        or _wait_for_node(seen)
        or _finish(seen, why)
    )


def _turned_back(seen: Observation, why: Refusal) -> Step | None:
    """Record for good that Detour itself goes back; what the caller asked for is recorded already.

    A failed mirror may mend, and room be made. Without the record one operator would go on to the
    destination while the hand-back of another, which it had decided on before, is on its way.
    """
    if why.reason == CANCELLED or seen.switch.compute.handover is Handover.NOT_NEEDED:
        return None
    return record(
        seen,
        "Cancelling",
        why.message,
        handover=Handover.NOT_NEEDED,
        cancel_reason=why.reason,
    )


def _instance_back(seen: Observation) -> Step | None:
    source = seen.switch.source or ""
    return point_instance_at(seen, source) or close_fence(seen)


def _order(seen: Observation, why: Refusal) -> Step | None:
    if seen.switch.order is Order.SOURCE:
        return None
    own = why.reason != CANCELLED
    handover = Handover.NOT_NEEDED if own else Handover.PENDING
    return record(seen, "Cancelling", why.message, order=Order.SOURCE, handover=handover)


def _finisher(seen: Observation) -> Step | None:
    node = seen.switch.node
    back = node is not None and node.reached is Order.SOURCE
    return None if back else stopped.hold(seen)


def _wait_for_node(seen: Observation) -> Step | None:
    node = seen.switch.node
    if node is not None and node.reached is Order.SOURCE:
        return None
    message = "the node agent takes the guest's writes back into the source"
    return wait_for_agent(seen, "Cancelling", message)


def _finish(seen: Observation, why: Refusal) -> Step:
    """Rows C11 and D3: what was changed is put back, then the lock comes off."""
    machine = seen.machine
    if isinstance(machine, Machine) and machine.claim != seen.switch.source:
        return stall(
            "ClaimsDiffer",
            f"VirtualMachine {machine.name} names {machine.claim}, not the source"
            f" {seen.switch.source} that holds the guest's data: put the source back",
        )
    step = undo.put_back(seen) or guest.certain(seen)
    return step or undo.unlock(seen, why.reason, why.message, Position.SOURCE)
