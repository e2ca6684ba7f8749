"""From the frozen source to the destination: the orders Mirrored and Destination and their end."""

import dataclasses

from detour_crds.attachment_switch import Handover, Node, Order, Position
from detour_operator.compute_side import (
    answering,
    budget,
    declaring,
    direct,
    guest,
    limits,
    machine_trial,
    overlay_claim,
    stopped,
    strategy,
    superseded,
    undo,
)
from detour_operator.compute_side.actions import HandMachine
from detour_operator.compute_side.destination import destination_noted
from detour_operator.compute_side.fence import close_fence, noted_by_kubevirt, point_instance_at
from detour_operator.compute_side.holding import hold
from detour_operator.compute_side.observation import Machine, Observation
from detour_operator.compute_side.step import Step, act, record, stall, wait, wait_for_agent


def switch(seen: Observation) -> Step:
    """The next step after the order Overlay."""
    order, node = seen.switch.order, seen.switch.node
    over = order is Order.DESTINATION and node is not None and node.reached is order
    if stopped.is_gone(seen) and not over:
        return stopped.go_on(seen)
    if node is not None and node.reached is Order.DESTINATION and not over:
        message = "the guest is on the destination: the order follows"
        return record(seen, "Switching", message, order=Order.DESTINATION)  # row L19
    if node is None or node.reached is not order:
        # A holder that was evicted comes back: the node agent takes the destination from it.
        held = None if order is Order.OVERLAY else hold(seen)
        noted = limits.note_merge(seen) if order is Order.MIRRORED else None
        return held or noted or _wait_for_node(seen, order, node)
    if order is Order.OVERLAY:
        return _frozen(seen)
    if order is Order.MIRRORED:
        return _mirrored(seen)
    return _released(seen)


def _wait_for_node(seen: Observation, order: Order, node: Node | None) -> Step:
    told = {
        Order.OVERLAY: ("Diverting", "the guest's writes are being diverted to an overlay"),
        Order.MIRRORED: ("Merging", "the overlay is being merged onto the destination"),
        Order.DESTINATION: ("Switching", "the guest is being switched to the destination"),
    }
    reason, message = told[order]
    if order is Order.MIRRORED and direct.is_asked(seen):
        reason, message = direct.COPYING, direct.told(seen, node)
    if node is not None and node.stopped is not None:
        message = f"spec.trust does not fit this stop: {node.stopped.message}"
        return answering.stopped(seen, node.stopped, message)
    if node is None:
        message += f"; the node agent of {seen.switch.compute.node} has not reported yet"
    return wait_for_agent(seen, reason, message)


def _frozen(seen: Observation) -> Step:
    """Row L6: frozen, until the caller has copied and asks for the destination."""
    held = _destination_held(seen)
    if seen.switch.spec.position is Position.DESTINATION:
        message = "the overlay is being merged onto the destination"
        step = held or record(seen, "Merging", message, order=Order.MIRRORED)
    elif held is not None and (held.actions or held.compute):
        step = held
    else:
        message = "nothing writes to the source: copy it, then set spec.position to Destination"
        step = wait("Frozen", message)
    return dataclasses.replace(step, position=Position.FROZEN)


def _destination_held(seen: Observation) -> Step | None:
    """The claim the caller names, present, the one that was recorded, and held on the node."""
    return destination_noted(seen) or hold(seen)


def _mirrored(seen: Observation) -> Step:
    """Row L13: the destination is whole and kept so; the instance goes first, then the pivot.

    Ordering: the instance is seen on the destination before the order Destination, because a live
    migration opens what the instance names (KubeVirt facts 11, D3).
    """
    return (
        hold(seen)
        or direct.wait_for_caller(seen)
        or machine_trial.before_no_return(seen)
        or _may_hand_over(seen)
        or _instance_on_destination(seen)
        or _handover_of_instance_noted(seen)
        or record(
            seen,
            "Switching",
            "the guest is being switched to the destination",
            order=Order.DESTINATION,
        )
    )


def _may_hand_over(seen: Observation) -> Step | None:
    """Decide once, durably, whether the instance can be handed over at all."""
    if seen.switch.compute.handover is not Handover.PENDING or seen.permitted is True:
        return None
    if seen.permitted is False:
        message = "the instance stays on the source: no permission to act as KubeVirt's controller"
        return record(seen, "HandingOver", message, handover=Handover.NOT_PERMITTED)
    return wait("HandingOver", "waiting to know whether the instance may be handed over")


def _handover_of_instance_noted(seen: Observation) -> Step | None:
    if seen.switch.compute.handover is not Handover.PENDING:
        return None
    message = "the instance names the destination"
    return record(seen, "HandingOver", message, handover=Handover.INSTANCE)


def _released(seen: Observation) -> Step:
    """Rows L20 and D9: the guest's data is on the destination and nowhere else."""
    return (
        _instance_on_destination(seen)
        or superseded.take_off_destination(seen)
        or _machine_on_destination(seen)
        or superseded.mark_source(seen)
        or superseded.mark_destination(seen)
        or _handover_done(seen)
        or _held_for_good(seen)
        or close_fence(seen)
        or _overlay_removed(seen)
        or overlay_claim.take_down(seen)
        or stopped.let_go(seen)
        or budget.take_down(seen)
        or _restarted(seen)
        or guest.certain(seen)
        or undo.unlock(seen, "Switched", "the machine is on the destination", Position.DESTINATION)
    )


def _instance_on_destination(seen: Observation) -> Step | None:
    if seen.switch.compute.handover is Handover.NOT_PERMITTED:
        return None
    on_way = seen.own_instance is not None and seen.own_instance.claim == seen.switch.source
    step = strategy.take_off(seen) if on_way else None
    return step or point_instance_at(seen, seen.switch.destination or "")


def _machine_on_destination(seen: Observation) -> Step | None:
    machine, destination = seen.machine, seen.switch.destination or ""
    permitted = seen.switch.compute.handover is not Handover.NOT_PERMITTED
    live = permitted and seen.alive
    if not isinstance(machine, Machine):
        return None  # there is nothing left that could be started
    as_it_is = not live or declaring.is_asked(seen) or machine.strategy == strategy.MIGRATION
    if machine.claim == destination and as_it_is:
        return None
    if machine.claim not in (seen.switch.source, destination):
        return stall(
            "ClaimsDiffer",
            f"VirtualMachine {machine.name} names {machine.claim}, but the guest's data is on"
            f" {destination}: have its manifest name that claim",
        )
    if declaring.is_asked(seen):
        return declaring.wait_for(seen, machine)
    hand = HandMachine(old=machine.claim or "", new=destination, live=live)
    step = noted_by_kubevirt(seen) if live else None
    return step or act("HandingOver", f"pointing the virtual machine at {destination}", hand)


def _handover_done(seen: Observation) -> Step | None:
    if seen.switch.compute.handover in (Handover.DONE, Handover.NOT_PERMITTED):
        return None
    message = "the virtual machine and its instance name the destination"
    return record(seen, "CleaningUp", message, handover=Handover.DONE)


def _held_for_good(seen: Observation) -> Step | None:
    """Without the holder the destination could be detached from under the guest."""
    step = hold(seen) if seen.alive else None
    if step is not None and guest.left_alone(seen):
        return guest.waits_for_node(seen, "the pod that holds the destination there is gone")
    return step


def _overlay_removed(seen: Observation) -> Step | None:
    """By the agent; that of a lost node does it when it is back, and nobody need wait for it."""
    node = seen.switch.node
    if node is None or node.overlay is None or guest.left_alone(seen):
        return None
    return wait_for_agent(seen, "CleaningUp", "the node agent removes the overlay")


def _restarted(seen: Observation) -> Step | None:
    """Without the handover of the instance a live migration is dangerous until the next start."""
    if seen.switch.compute.handover is not Handover.NOT_PERMITTED or not seen.alive:
        return None
    message = (
        "the guest is on the destination; restart the virtual machine to make it live-migratable"
        " again: Detour may not act as KubeVirt's controller, so its instance names the source"
    )
    return wait("RestartRequired", message, position=Position.DESTINATION)
