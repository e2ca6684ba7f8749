"""The form for a virtual machine that does not run: the lock freezes the source (rows F1 to F3).

Nothing is diverted and no node agent has work: what was asked is copied, then the machine is
pointed at the destination. The order Destination is recorded before that: from then on the API
server refuses a cancel.
"""

from detour_crds.attachment_switch import Handover, Order, Position
from detour_operator.compute_side import cancelling, declaring, fitting, superseded, undo
from detour_operator.compute_side.actions import HandMachine
from detour_operator.compute_side.destination import destination_noted
from detour_operator.compute_side.lock import put_on
from detour_operator.compute_side.observation import Claim, Instance, Machine, Observation
from detour_operator.compute_side.step import Step, act, record, stall, wait


def start(seen: Observation) -> Step:
    """Row D0: the lock was seen to bite, and after that still no instance."""
    message = "the virtual machine is stopped and locked: nothing writes to the source"
    frozen = record(seen, "Frozen", message, offline=True, position=Position.FROZEN)
    return put_on(seen) or superseded.unmark_destination(seen) or frozen


def switch(seen: Observation) -> Step:
    """The next step of a move that was started while the machine was stopped."""
    if seen.switch.order is Order.DESTINATION:
        return put_on(seen) or _to_destination(seen)
    return put_on(seen) or _started(seen) or _cancelled(seen) or _frozen(seen)


def _started(seen: Observation) -> Step | None:
    """Row F1, a guard: the guest runs on the source, and the copy is worth nothing any more."""
    if not isinstance(seen.instance, Instance):
        return None
    why = cancelling.STARTED
    return undo.unlock(seen, why.reason, why.message, Position.SOURCE)


def _cancelled(seen: Observation) -> Step | None:
    why = cancelling.reason(seen)
    if why is None:
        return None
    return undo.unlock(seen, why.reason, why.message, Position.SOURCE)


def _frozen(seen: Observation) -> Step:
    """Row F2: until the caller has copied and asks for the destination, and that fits."""
    unfit = fitting.destination(seen)
    if unfit is not None:
        message = f"{unfit.message}; or cancel (spec.position Source)"
        return wait(unfit.reason, message, position=Position.FROZEN)
    if seen.switch.spec.position is not Position.DESTINATION:
        message = "nothing writes to the source: copy it, then set spec.position to Destination"
        there = isinstance(seen.destination_claim, Claim)
        noted = destination_noted(seen) if there else None
        return noted or wait("Frozen", message, position=Position.FROZEN)
    return destination_noted(seen) or record(
        seen, "Switching", "pointing the machine at the destination", order=Order.DESTINATION
    )


def _to_destination(seen: Observation) -> Step:
    """Row F3 once the machine names the destination; there is no cancel any more."""
    return (
        superseded.take_off_destination(seen)
        or _machine(seen)
        or superseded.mark_source(seen)
        or superseded.mark_destination(seen)
        or _end(seen)
    )


def _machine(seen: Observation) -> Step | None:
    machine, destination = seen.machine, seen.switch.destination or ""
    if not isinstance(machine, Machine) or machine.claim == destination:
        return None
    if isinstance(seen.instance, Instance):
        return stall(
            cancelling.STARTED.reason,
            "the virtual machine was started on the source in spite of the lock, while it was"
            " being pointed at the destination: stop it, and this goes on",
        )
    if machine.claim != seen.switch.source:
        return stall(
            "ClaimsDiffer",
            f"VirtualMachine {machine.name} names {machine.claim}, neither source nor destination:"
            f" have its manifest name {destination}",
        )
    if declaring.is_asked(seen):
        return declaring.wait_for(seen, machine)
    hand = HandMachine(old=machine.claim or "", new=destination, live=False)
    return act("HandingOver", f"pointing the virtual machine at {destination}", hand)


def _end(seen: Observation) -> Step:
    if seen.switch.compute.handover is not Handover.DONE:
        message = "the virtual machine names the destination"
        return record(seen, "CleaningUp", message, handover=Handover.DONE)
    return undo.unlock(seen, "Switched", "the machine is on the destination", Position.DESTINATION)
