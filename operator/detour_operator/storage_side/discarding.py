"""What the storage made and is not the disk is deleted again, by its uid; pure."""

import dataclasses

from detour_crds.volume_migration import Phase
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side import snapshot
from detour_operator.storage_side.actions import Action, DeleteClaim
from detour_operator.storage_side.decision import AT_ONCE, BUSY_SECONDS, Decision
from detour_operator.storage_side.observation import Observation, SeenClaim, Surroundings

LEAVING_SECONDS = 300.0
"""So long the end waits for a claim to be gone: a pod may keep it for much longer."""


def is_made(seen: Observation, claim: SeenClaim) -> bool:
    """Whether the storage made it for this migration; no other claim is ever deleted."""
    return (
        claim.created_for == seen.meta.uid
        and claim.data_source is not None
        and claim.token is not None
    )


def left(seen: Observation, *, claim: bool) -> Decision | None:
    """The next step until what the storage made is gone; None then."""
    found, snapshots = seen.destination if claim else None, snapshot.delete_all(seen)
    if found is not None and is_made(seen, found) and not _outlasts(seen, found):
        return discard(seen, found, Phase.CANCELLING, snapshots)
    if not seen.snapshots:
        return None
    message = "what was made from the source is being deleted"
    return Decision(phase=Phase.CANCELLING, message=message, actions=snapshots, after=BUSY_SECONDS)


def leftover(seen: Observation, around: Surroundings) -> Decision | None:
    """The next step until what an ended attempt left behind is gone; None then.

    A claim can be asked for so late that nobody looked after it any more. One that the virtual
    machine, or anybody, uses is never touched.
    """
    found, machine = around.destination, around.virtual_machine
    named = machine.claims.get(seen.spec.volume) if machine else None
    free = named is not None and found is not None and named != found.name
    made = found if free and found is not None and is_made(seen, found) else None
    snapshots = snapshot.delete_all(seen)
    if made is not None and not around.destination_users:
        return discard(seen, made, Phase.PREPARING, snapshots)
    if not seen.snapshots:
        return None
    message = "what an earlier attempt left behind is being deleted"
    return Decision(phase=Phase.PREPARING, message=message, actions=snapshots, after=BUSY_SECONDS)


def discard(
    seen: Observation, claim: SeenClaim, phase: Phase, also: tuple[Action, ...]
) -> Decision:
    """The next step until the claim is gone: that it is given up is durable before it is deleted.

    An operator that has read the migration before could else delete a claim that was made since,
    and is the disk by the time that its deletion arrives.
    """
    message = f"the claim {claim.name}, which was made from the source, is being deleted"
    waiting = Decision(phase=phase, message=message, actions=also, after=BUSY_SECONDS)
    if seen.status.discarded_claim_uid != claim.uid:
        facts = {"discarded_claim_uid": claim.uid}
        return dataclasses.replace(waiting, facts=facts, after=AT_ONCE)
    if claim.deleting:
        return waiting
    delete = DeleteClaim(claim.name, claim.uid)
    return dataclasses.replace(waiting, actions=(*also, delete))


def _outlasts(seen: Observation, claim: SeenClaim) -> bool:
    """Whether a pod keeps it although it is being deleted; it goes when that ends."""
    return is_over(claim.deleting_since, seen.now, LEAVING_SECONDS)
