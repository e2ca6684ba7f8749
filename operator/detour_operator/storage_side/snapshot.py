"""The snapshot of the frozen source, of which the storage makes the destination; pure."""

import dataclasses

from detour_crds.volume_migration import CopyMethod
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side.actions import CreateSnapshot, DeleteSnapshot
from detour_operator.storage_side.decision import AT_ONCE, Decision, compute_of, method_of
from detour_operator.storage_side.fallback import (
    ERROR_SECONDS,
    UNHEARD,
    give_up,
    is_final,
    waiting,
)
from detour_operator.storage_side.observation import Observation, SeenSnapshot, SeenSwitch


def name_of(switch: SeenSwitch) -> str:
    """Its name, which no other attempt has."""
    return f"detour-{compute_of(switch).token}"


def own(seen: Observation, switch: SeenSwitch) -> SeenSnapshot | None:
    """The one of this attempt, by name, switch and token."""
    if method_of(seen) is not CopyMethod.VOLUME_SNAPSHOT:
        return None
    token = compute_of(switch).token
    named = name_of(switch)
    return next(
        (
            one
            for one in seen.snapshots
            if (one.name, one.switch_uid, one.token) == (named, switch.meta.uid, token)
        ),
        None,
    )


def stale(seen: Observation, switch: SeenSwitch) -> tuple[DeleteSnapshot, ...]:
    """The deletion of those of another attempt, or of a method that was given up."""
    kept = own(seen, switch)
    return tuple(one for one in delete_all(seen) if kept is None or one.uid != kept.uid)


def delete_all(seen: Observation) -> tuple[DeleteSnapshot, ...]:
    """The deletion of every snapshot that is there."""
    return tuple(DeleteSnapshot(one.name, one.uid) for one in seen.snapshots if not one.deleting)


def step(seen: Observation, switch: SeenSwitch) -> Decision | None:
    """The next step until the snapshot is ready; None then."""
    if seen.destination is not None:
        return None  # it was ready when the claim was made from it
    found = own(seen, switch)
    if found is None:
        return _take(seen, switch)
    if found.deleting:
        return waiting("TakingSnapshot", f"the snapshot {found.name} is being deleted")
    if found.ready:
        return None
    if is_final(found.error) and is_over(found.created, seen.now, ERROR_SECONDS):
        message = f"the snapshot {found.name} cannot be taken: {found.error}"
        return give_up(seen, "SnapshotFailed", message)
    if is_over(found.created, seen.now, seen.copy_limit_seconds * UNHEARD):
        return give_up(seen, "SnapshotTimedOut", f"the snapshot {found.name} is not ready yet")
    said = f": {found.error}" if found.error else ""
    return waiting("TakingSnapshot", f"waiting for the snapshot {found.name}{said}")


def _take(seen: Observation, switch: SeenSwitch) -> Decision:
    compute, chosen = compute_of(switch), seen.status.copy_method
    source = compute.source_claim.name if compute.source_claim else None
    if not source or not compute.token or chosen is None or not chosen.snapshot_class:
        return waiting("TakingSnapshot", "waiting for the switch to say what is frozen")
    take = CreateSnapshot(
        name=name_of(switch),
        claim=source,
        snapshot_class=chosen.snapshot_class,
        switch_uid=switch.meta.uid,
        token=compute.token,
    )
    taking = waiting("TakingSnapshot", f"a snapshot of {source} is being taken")
    return dataclasses.replace(taking, actions=(take,), after=AT_ONCE)
