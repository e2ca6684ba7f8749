"""The destination claim, as the storage is to make it from the frozen source; pure."""

import dataclasses

from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import CopyMethod, Phase
from detour_operator.storage_side import destination, snapshot
from detour_operator.storage_side.actions import CreateClaim
from detour_operator.storage_side.decision import (
    AT_ONCE,
    Decision,
    compute_of,
    copy_gave_up,
    method_of,
)
from detour_operator.storage_side.fallback import give_up, waiting
from detour_operator.storage_side.observation import Observation, SeenClaim, SeenSwitch

SNAPSHOT, CLAIM = "VolumeSnapshot", "PersistentVolumeClaim"


def wanted_source(seen: Observation, switch: SeenSwitch) -> tuple[str, str] | None:
    """What the claim is to be made from."""
    method, source = method_of(seen), compute_of(switch).source_claim
    if method is CopyMethod.VOLUME_SNAPSHOT:
        return SNAPSHOT, snapshot.name_of(switch)
    if method is CopyMethod.CSI_CLONE and source is not None and source.name:
        return CLAIM, source.name
    return None


def step(seen: Observation, switch: SeenSwitch) -> Decision | None:
    """The next step until the claim is there; None then."""
    name, there = destination.claim_name(seen.meta, seen.spec), seen.destination
    wanted = wanted_source(seen, switch)
    if there is not None:
        return _against(seen, there, wanted)
    template = seen.spec.destination.claim_template
    if template is None or seen.source is None:
        return waiting("Restoring", "waiting for the source claim to be seen")
    least = _least(seen, switch) if wanted else 0
    create = destination.to_create(name, template, seen.source, least)
    if template.size and bytes_of(template.size) < least:
        message = f"the claim is to have {template.size}, the storage needs {least} bytes"
        return give_up(seen, "SmallerThanSnapshot", message)
    create = dataclasses.replace(create, data_source=wanted)
    return _created(create, compute_of(switch).token or "")


def _against(
    seen: Observation, there: SeenClaim, wanted: tuple[str, str] | None
) -> Decision | None:
    """Why a claim that is there cannot be used; None if it can."""
    if there.created_for != seen.meta.uid:
        message = f"a claim {there.name} exists that was not created for this migration"
        return copy_gave_up("DestinationExists", message)
    if wanted is not None and there.data_source is None:
        message = f"a claim {there.name} is there that is not made from the source"
        return give_up(seen, "DestinationThere", message)
    return None


def _created(create: CreateClaim, token: str) -> Decision:
    if create.data_source is None:
        return Decision(phase=Phase.COPYING, actions=(create,), after=AT_ONCE)
    kind, name = create.data_source
    create = dataclasses.replace(create, token=token)
    reason = "SnapshotTaken" if kind == SNAPSHOT else "Cloning"
    message = f"the claim {create.name} is being made from the {kind} {name}"
    return dataclasses.replace(waiting(reason, message), actions=(create,), after=AT_ONCE)


def _least(seen: Observation, switch: SeenSwitch) -> int:
    """Bytes that the storage needs for the claim."""
    found = snapshot.own(seen, switch)
    has = (seen.source.capacity if seen.source else None) or 0
    return max(has, (found.restore_bytes if found else None) or 0)
