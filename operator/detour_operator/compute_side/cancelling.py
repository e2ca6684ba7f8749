"""Back to the source: final (recovery rule R1), and possible until the pivot is ordered.

Ordering: the instance is back on the source and the fence closed, both seen, before the order
Source, because the node agent commits as soon as it reads it.
"""

from detour_crds.attachment_switch import Handover, Order, Position
from detour_operator.compute_side import guest, undo
from detour_operator.compute_side.fence import close_fence, point_instance_at
from detour_operator.compute_side.observation import Machine, Observation
from detour_operator.compute_side.preflight import Refusal
from detour_operator.compute_side.step import Step, record, stall, wait

CANCELLED = "Cancelled"
FAILED = "DestinationFailed"
_CANCELLED = Refusal(CANCELLED, "the switch was cancelled: the machine stays on the source")


def reason(seen: Observation) -> Refusal | None:
    """Why the switch goes back to the source, None if it does not.

    Once the order is Destination, neither the caller nor the deletion of the object cancels
    (recovery rule R9): only the node agent's promise never to pivot under this token does (R4).
    """
    switch = seen.switch
    if switch.compute.handover is Handover.NOT_NEEDED:
        return _failed(seen)
    if switch.order is Order.DESTINATION:
        refused = switch.node is not None and switch.node.refused is True
        return _failed(seen) if refused else None  # row L17
    if switch.spec.position is Position.SOURCE or switch.deleting or switch.order is Order.SOURCE:
        return _CANCELLED
    if switch.order is Order.MIRRORED and _mirror_failed(seen):
        return _failed(seen)  # row L10
    return None


def _mirror_failed(seen: Observation) -> bool:
    node = seen.switch.node
    return node is not None and node.last_error is not None and node.last_error.reason == FAILED


def ended(seen: Observation) -> Refusal:
    """Why the switch went back to the source."""
    failed = seen.switch.compute.handover is Handover.NOT_NEEDED
    return _failed(seen) if failed else _CANCELLED


def _failed(seen: Observation) -> Refusal:
    node = seen.switch.node
    told = node.last_error.message if node and node.last_error else None
    message = "the destination failed before the guest was switched: it stays on the source"
    return Refusal(FAILED, f"{message} ({told})" if told else message)


def cancel(seen: Observation, why: Refusal) -> Step:
    """The next step back to the source."""
    if seen.switch.order is Order.NONE:
        end = undo.unlock(seen, why.reason, why.message, Position.SOURCE)
        return undo.before_any_order(seen, why) or end
    return (
        _turned_back(seen, why)
        or _instance_back(seen)
        or _order(seen, why)
        or _wait_for_node(seen)
        or _finish(seen, why)
    )


def _turned_back(seen: Observation, why: Refusal) -> Step | None:
    """Record for good that Detour itself goes back; what the caller asked for is recorded already.

    A failed mirror may mend. Without the record one operator would go on to the destination while
    the hand-back of another, which it had decided on before, is still on its way.
    """
    if why.reason != FAILED or seen.switch.compute.handover is Handover.NOT_NEEDED:
        return None
    return record(seen, "Cancelling", why.message, handover=Handover.NOT_NEEDED)


def _instance_back(seen: Observation) -> Step | None:
    source = seen.switch.source or ""
    return point_instance_at(seen, source) or close_fence(seen)


def _order(seen: Observation, why: Refusal) -> Step | None:
    if seen.switch.order is Order.SOURCE:
        return None
    failed = why.reason == FAILED
    handover = Handover.NOT_NEEDED if failed else Handover.PENDING
    return record(seen, "Cancelling", why.message, order=Order.SOURCE, handover=handover)


def _wait_for_node(seen: Observation) -> Step | None:
    node = seen.switch.node
    if node is not None and node.reached is Order.SOURCE:
        return None
    trouble = f" ({node.last_error.message})" if node and node.last_error else ""
    message = "the node agent takes the guest's writes back into the source"
    return wait("Cancelling", message + trouble)


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
