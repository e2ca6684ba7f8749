"""A guest that stopped in the middle: which way the move goes, and the finisher on its node.

The overlay holds the guest's last writes (rows D4 to D16). The agent of its node says that QEMU is
gone (rule R7), KubeVirt that the instance has ended (row U4); only then a finisher is made, and
only with that does the node agent merge the overlay: forward onto the destination if the caller
has asked for it, which he does when the copy is whole, else back into the source.
"""

from detour_crds.attachment_switch import Node, Order, Position, Stage
from detour_crds.volume_migration import WhenStopped
from detour_operator.compute_side import beside, direct, guest
from detour_operator.compute_side.actions import CreateFinisher, DeleteFinisher
from detour_operator.compute_side.destination import destination_noted
from detour_operator.compute_side.observation import Claim, Observation, Pod
from detour_operator.compute_side.step import Step, act, record, ref, wait, wait_for_agent

GUEST_STOPPED = "GuestStopped"
UNDER_WAY = (Order.OVERLAY, Order.MIRRORED)
NOT_BEGUN = (Stage.NONE, Stage.MISSING)
ENDED = (Stage.DONE, Stage.CANCELLED)


def is_gone(seen: Observation) -> bool:
    """Whether QEMU was seen to be gone, and KubeVirt agrees."""
    return guest.qemu_is_gone(seen) and not seen.alive


def goes_back(seen: Observation) -> bool:
    """Row D16: whether Detour itself takes the guest's writes back into the source."""
    under_way = is_gone(seen) and seen.switch.order in UNDER_WAY
    return under_way and not _goes_forward(seen) and not _waits(seen)


def _goes_forward(seen: Observation) -> bool:
    """Row D15: the destination was asked for, so the copy is whole.

    Not where that was asked for before the source was frozen: nothing can have been copied.
    Of what QEMU itself copied nobody can say so once it is gone; the source is whole.
    """
    if direct.is_asked(seen):
        return False
    frozen = seen.switch.status.position is Position.FROZEN
    asked = frozen and seen.switch.spec.position is Position.DESTINATION
    return asked and seen.switch.spec.when_stopped is not WhenStopped.CANCEL


def _waits(seen: Observation) -> bool:
    """For the copy of the frozen source, which the end of the guest does not disturb."""
    finish = seen.switch.spec.when_stopped is WhenStopped.FINISH
    if direct.is_asked(seen):
        return False
    return finish and seen.switch.status.position is Position.FROZEN


def go_on(seen: Observation) -> Step:
    """The next step of a move that is not to go back."""
    if seen.switch.order in UNDER_WAY:
        return _forward(seen) if _goes_forward(seen) else _keep(seen)
    message = "the guest stopped: its last writes are being merged onto the destination"
    return hold(seen) or wait_for_agent(seen, GUEST_STOPPED, message)


def _keep(seen: Observation) -> Step:
    message = "the guest stopped: it can start again when the copy is done and merged"
    return wait("Frozen", message, position=Position.FROZEN)


def _forward(seen: Observation) -> Step:
    message = "the guest stopped: its last writes are to be merged onto the destination"
    return destination_noted(seen) or record(seen, GUEST_STOPPED, message, order=Order.DESTINATION)


def hold(seen: Observation) -> Step | None:
    """The next step until the finisher runs and is recorded; None then, or if none is needed."""
    node, claims = seen.switch.node, finisher_claims(seen)
    if not is_gone(seen) or node is None or nothing_to_finish(seen, node):
        return None
    if direct.is_asked(seen) and seen.switch.order is not Order.DESTINATION:
        return None  # the source has everything (row M21)
    finisher = seen.finisher
    if not isinstance(finisher, Pod):
        message = f"creating the pod that finishes the move on {seen.switch.compute.node}"
        finisher_of = CreateFinisher(*claims, node=seen.switch.compute.node)
        return act(GUEST_STOPPED, message, finisher_of)
    if finisher.deleting:
        return wait(GUEST_STOPPED, f"waiting for the old pod {finisher.name} to be gone")
    wanted = {claim for claim in claims if claim is not None}
    if set(finisher.claims) != wanted or finisher.phase in ("Succeeded", "Failed"):
        message = f"the pod {finisher.name} serves no longer: replacing it"
        return act(GUEST_STOPPED, message, DeleteFinisher(finisher.uid))
    if seen.switch.compute.node not in (finisher.node, finisher.pinned):
        # Made for another node, when this one was lost; it came back before that was recorded.
        message = f"the pod {finisher.name} is for {finisher.node or 'another node'}: replacing it"
        return act(GUEST_STOPPED, message, DeleteFinisher(finisher.uid))
    if not finisher.running:
        trouble = f": {finisher.trouble}" if finisher.trouble else ""
        return wait(GUEST_STOPPED, f"waiting for the pod {finisher.name} to run{trouble}")
    if seen.switch.compute.finisher_pod != ref(finisher):
        message = "the claims are held for the end of the move"
        return record(seen, GUEST_STOPPED, message, finisher_pod=ref(finisher))
    return None


def nothing_to_finish(seen: Observation, node: Node) -> bool:
    """By the journal, which on the node that a move was handed to a finisher alone can show."""
    begun = node.stage not in NOT_BEGUN or seen.switch.compute.finisher_pod is not None
    return not begun or node.stage in ENDED


def finisher_claims(seen: Observation) -> tuple[str, str | None, str | None]:
    """Of source, destination and overlay; the way back must not depend on the destination."""
    destination = seen.destination_claim
    forward = seen.switch.order is Order.DESTINATION and isinstance(destination, Claim)
    overlay = seen.switch.compute.overlay_claim
    return (
        seen.switch.source or "",
        seen.switch.destination if forward else None,
        overlay.name if overlay else None,
    )


def let_go(seen: Observation) -> Step | None:
    """The next step until the finisher is gone, or need not be waited for; None then."""
    if guest.let_go(seen, seen.finisher):
        return None
    if isinstance(seen.finisher, Pod) and not seen.finisher.deleting:
        if beside.is_being_removed(seen):
            return wait_for_agent(seen, "CleaningUp", "the node agent removes the overlay")
        message = f"deleting the pod {seen.finisher.name}"
        return act("CleaningUp", message, DeleteFinisher(seen.finisher.uid))
    return wait("CleaningUp", "waiting for the pod that finished the move to be gone")
