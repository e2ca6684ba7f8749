"""A namespace that is being deleted: nothing can be created in it any more.

A move under way is taken back by what is there already, or finished once the pivot was ordered. A
guest that has stopped needs a finisher, and there can be none: the attempt is let go. That runs
nothing on a stale image, for once every API server has said so, neither an instance nor its pod
can be created there, and it is never taken back; claims and machine are being deleted by their
owner. Token and node go, as with a node that was given up: the overlay and its journal stay where
they are, and nobody touches them.
"""

import dataclasses

from detour_crds.attachment_switch import Handover, Position
from detour_crds.volume_migration import OverlayPlace
from detour_operator.compute_side import budget, stopped
from detour_operator.compute_side.guest import at_end
from detour_operator.compute_side.observation import Observation, Pod, Proof
from detour_operator.compute_side.step import Step, wait

NAMESPACE_DELETED = "NamespaceDeleted"
FOLDER = "/var/lib/detour/switches"


def is_ending(seen: Observation) -> bool:
    """Whether it was seen to be deleted; unknown ends the pass before anything asks."""
    return seen.namespace_ends is True


def let_go(seen: Observation) -> Step | None:
    """End the attempt of a guest that stopped; None while there is another way to the end.

    A finisher that was made before is used for as long as it is there.
    """
    node = seen.switch.node
    if not is_ending(seen) or not stopped.is_gone(seen) or at_end(seen) or node is None:
        return None
    if stopped.nothing_to_finish(seen, node) and node.stopped is None:
        return None
    return None if isinstance(seen.finisher, Pod) else end(seen)


def end(seen: Observation) -> Step:
    """The last write of the attempt; the lock is on until every API server refuses creations."""
    if not isinstance(seen.proof, Proof) or not seen.proof.namespace_ends:
        message = "the namespace is being deleted: waiting for every API server to know of it"
        return wait(NAMESPACE_DELETED, message)
    compute = dataclasses.replace(
        seen.switch.compute,
        token=f"{seen.switch.compute.token}-abandoned",
        node=None,
        locked=False,
        lock_proven=False,
        strategy_before=None,
        handover=Handover.NOT_NEEDED,
        cancel_reason=NAMESPACE_DELETED,
    )
    message = f"{left_behind(seen)} (node {seen.switch.compute.node})"
    return budget.take_down(seen) or Step(
        reason=NAMESPACE_DELETED, message=message, compute=compute, position=Position.SOURCE
    )


def is_let_go(seen: Observation) -> bool:
    """Whether that was the end of the switch."""
    compute = seen.switch.compute
    return compute.cancel_reason == NAMESPACE_DELETED and seen.switch.begun and not compute.node


def left_behind(seen: Observation) -> str:
    """Where the guest's last writes are, for whoever wants them back."""
    where = {
        OverlayPlace.NODE_LOCAL: f"in {FOLDER}/{seen.switch.uid} on its node, which keeps it",
        OverlayPlace.CLAIM: "on the volume of the overlay's claim, if that is retained",
        OverlayPlace.SOURCE_VOLUME: "on the volume of the source's claim, if that is retained",
    }
    return (
        "the namespace was deleted after the guest had stopped in the middle: what it wrote last"
        f" is in the overlay alone, {where[seen.switch.spec.overlay.where]}"
    )
