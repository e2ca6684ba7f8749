"""A node that is gone for ever, with the overlay on its disk: a person decides (``spec.trust``).

Nothing is guessed: the guest may live there, cut off, or the agent be merging what a guest left.
An overlay on a claim is merged on another node once somebody says that nothing runs there: by the
taint out-of-service, or with ``spec.trust`` after the loss was told. Whoever accepts the loss of
one on the node's disk says that, too. Then the attempt is ended by another token and no node: an
agent that comes back finds no switch that is its own, and leaves everything as it is.

Once the end was reached there the overlay is needed no more, and the move goes on without it.
"""

import dataclasses

from detour_crds import answers
from detour_crds.attachment_switch import Handover, Order, Position
from detour_crds.volume_migration import OverlayPlace, Trust
from detour_operator.compute_side import (
    beside,
    budget,
    direct,
    guest,
    namespace,
    overlay_claim,
    stopped,
    superseded,
)
from detour_operator.compute_side.actions import (
    CreateFinisher,
    DeleteFinisher,
    DeleteLauncher,
    HandMachine,
)
from detour_operator.compute_side.guest import NODE_LOST
from detour_operator.compute_side.observation import Machine, Observation, Pod
from detour_operator.compute_side.step import Step, act, record, ref, stall, wait


def lost_node(seen: Observation) -> Step | None:
    """Wait for the node, or do as a person has decided, once KubeVirt gave the instance up.

    None while the node is heard from, and where its agent has said all that matters: the end was
    reached. That QEMU is gone is not all; its overlay may just be being merged there.
    """
    if seen.node_lost is not True:
        return None
    if seen.alive and seen.node_given_up is True:
        return _give_up_launcher(seen)
    if guest.at_end(seen):
        return None
    trust = None if seen.alive else _trusted(seen)
    if trust is Trust.OVERLAY or (_outlives_node(seen) and _is_given_up(seen)):
        return _elsewhere(seen)
    if trust is Trust.SOURCE and _machine_names(seen, seen.switch.source):
        return _end(seen, Position.SOURCE)
    if trust is Trust.DESTINATION:
        return (
            _to_destination(seen)
            or superseded.mark_source(seen)
            or superseded.mark_destination(seen)
            or _end(seen, Position.DESTINATION)
        )
    return guest.node_lost(seen, _at_stake(seen))


def heard_again(seen: Observation) -> Step | None:
    """An answer to that loss counts no more, whatever else is under way."""
    lost = seen.switch.compute.lost_node
    if lost is None or seen.node_lost is not False:
        return None
    return record(seen, NODE_LOST, f"the node {lost} is heard again", lost_node=None)


def _give_up_launcher(seen: Observation) -> Step:
    """As the taint asks for; the lock, which knows no nodes, refuses it to Kubernetes itself."""
    launcher, node = seen.launcher, seen.switch.compute.node
    if isinstance(launcher, Pod) and not launcher.deleting:
        message = f"the node {node} is out of service: giving the pod {launcher.name} up"
        return act(NODE_LOST, message, DeleteLauncher(launcher.name, launcher.uid))
    message = f"the node {node} is out of service: waiting for KubeVirt to give the instance up"
    return wait(NODE_LOST, message)


def _trusted(seen: Observation) -> Trust | None:
    """The answer to this loss, if it is one that may be given."""
    trust = guest.answer(seen)
    return trust if trust in answers.to_lost_node(seen.switch.spec) else None


def _outlives_node(seen: Observation) -> bool:
    return seen.switch.spec.overlay.where is not OverlayPlace.NODE_LOCAL


def _is_given_up(seen: Observation) -> bool:
    trusted = guest.answer(seen) in (None, Trust.OVERLAY)
    return trusted and not seen.alive and seen.node_given_up is True


def _elsewhere(seen: Observation) -> Step:
    """The scheduler chooses a node that has all the claims; its agent finds the journal there."""
    finisher, lost = seen.finisher, seen.switch.compute.node
    if not isinstance(finisher, Pod):
        if namespace.is_ending(seen):
            return namespace.end(seen)
        message = f"the node {lost} is gone: creating the pod that finishes the move elsewhere"
        return act(NODE_LOST, message, CreateFinisher(*stopped.finisher_claims(seen), lost=lost))
    if finisher.deleting:
        return wait(NODE_LOST, f"waiting for the old pod {finisher.name} to be gone")
    if lost in (finisher.node, finisher.pinned):
        message = f"the pod {finisher.name} was on {lost}: replacing it"
        return act(NODE_LOST, message, DeleteFinisher(finisher.uid))
    if not finisher.running:
        trouble = f": {finisher.trouble}" if finisher.trouble else ""
        return wait(NODE_LOST, f"waiting for the pod {finisher.name} to run{trouble}")
    message = f"the node {lost} is gone: the move goes on on {finisher.node}"
    return record(
        seen,
        NODE_LOST,
        message,
        node=finisher.node,
        finisher_pod=ref(finisher),
        lost_node=None,
    )


def _at_stake(seen: Observation) -> str:
    if _outlives_node(seen):
        return (
            f"the node {seen.switch.compute.node} is gone; the guest's last writes are on the"
            " overlay's volume. Bring the node back and this goes on by itself. If the guest"
            f" surely does not run there any more, taint the node out-of-service, or set"
            " spec.trust to Overlay:"
            f" then the move goes on on another node{_still_running(seen)}"
        )
    if direct.is_asked(seen):
        return direct.at_stake(seen) + _still_running(seen)
    overlay = seen.switch.node.overlay if seen.switch.node else None
    size = f"{overlay.bytes} bytes" if overlay and overlay.bytes else "the last writes"
    copied = seen.switch.spec.position is Position.DESTINATION
    destination = ", or to Destination to go on with the copy" if copied else ""
    return (
        f"the node {seen.switch.compute.node} is gone, and with it {size} of the guest's overlay."
        " Bring the node back and this goes on by itself. If it never comes back, and the guest"
        " surely does not run there: set spec.trust to Source to give these writes up and go on"
        f" with the source{destination}{_still_running(seen)}"
    )


def _still_running(seen: Observation) -> str:
    """KubeVirt facts 9: an instance on a lost node ends with its launcher pod, not by itself."""
    another = guest.answers_another(seen)
    told = "; spec.trust answers another stop than this one" if another else ""
    if not seen.alive:
        return told
    return (
        f"{told}; and have Kubernetes give the launcher pod up: taint the node out-of-service,"
        " or remove the Node"
    )


def _machine_names(seen: Observation, claim: str | None) -> bool:
    return not isinstance(seen.machine, Machine) or seen.machine.claim == claim


def _to_destination(seen: Observation) -> Step | None:
    if seen.switch.order is not Order.DESTINATION:
        message = "the node is gone: the copy is trusted, as spec.trust says"
        return record(seen, NODE_LOST, message, order=Order.DESTINATION)
    destination = seen.switch.destination or ""
    step = superseded.take_off_destination(seen)
    if step is not None or _machine_names(seen, destination):
        return step
    if not _machine_names(seen, seen.switch.source):
        return stall("ClaimsDiffer", f"the virtual machine names neither source nor {destination}")
    hand = HandMachine(old=seen.switch.source or "", new=destination, live=False)
    return act("HandingOver", f"pointing the virtual machine at {destination}", hand)


def _end(seen: Observation, position: Position) -> Step:
    """The last write of the attempt: nothing of it counts any more, wherever it comes from."""
    compute = dataclasses.replace(
        seen.switch.compute,
        token=f"{seen.switch.compute.token}-abandoned",
        node=None,
        locked=False,
        lock_proven=False,
        strategy_before=None,
        handover=Handover.DONE if position is Position.DESTINATION else Handover.PENDING,
    )
    message = "the node with the overlay is gone; what only the overlay had is given up"
    message = beside.told(seen, message)
    return (
        budget.take_down(seen)
        or overlay_claim.give_up(seen)
        or Step(reason=NODE_LOST, message=message, compute=compute, position=position)
    )
