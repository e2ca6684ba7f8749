"""Somebody else copies: what is frozen is published, and his word waited for; pure.

His word is an annotation of the destination claim. It counts with the token that was published and
no other, so that what was said of an earlier attempt is nothing.
"""

import dataclasses

from detour_crds.conditions import Status
from detour_crds.names import COPIED_ANNOTATION
from detour_crds.volume_migration import Copied, External, Phase
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side import destination, fallback, verification
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    Decision,
    compute_of,
    copy_gave_up,
    delete_jobs,
)
from detour_operator.storage_side.observation import Observation, SeenSwitch


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step while somebody else copies."""
    if seen.jobs:
        return Decision(phase=Phase.COPYING, actions=delete_jobs(seen), after=BUSY_SECONDS)
    if seen.rivals:
        message = f"the destination claim is used by {', '.join(seen.rivals)} as well"
        return copy_gave_up("DestinationInUse", message)
    wanted = _to_publish(seen, switch)
    if seen.status.external != wanted:
        return Decision(phase=Phase.COPYING, facts={"external": wanted}, after=AT_ONCE)
    if _is_said(seen, wanted):
        copied = Copied(switch_uid=switch.meta.uid, token=wanted.token, bytes=wanted.bytes)
        facts = {"copied": copied, "copied_time": seen.now}
        return Decision(phase=Phase.COPYING, facts=facts, after=AT_ONCE)
    message = (
        f"waiting for somebody to copy {wanted.source_claim} to {wanted.destination_claim} and to"
        f" annotate that claim with {COPIED_ANNOTATION}: {wanted.token}"
    )
    if is_over(seen.status.start_time, seen.now, seen.external_limit_seconds):
        limit = f"nobody said so within {seen.external_limit_seconds:g} seconds"
        return copy_gave_up("ExternalCopyTimedOut", f"{limit}: {message}")
    told = fallback.copying(Status.UNKNOWN, "WaitingForExternalCopy", message)
    waiting = Decision(phase=Phase.COPYING, message=message, after=BUSY_SECONDS)
    return dataclasses.replace(waiting, told=(told,))


def is_to_be_verified(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether his word is there, and is to be compared with what he copied before it counts."""
    wanted = _to_publish(seen, switch)
    asked = verification.is_asked(seen) and seen.status.external == wanted
    return asked and _is_said(seen, wanted)


def _is_said(seen: Observation, wanted: External) -> bool:
    claim = seen.destination
    return claim is not None and claim.copied_under == wanted.token


def _to_publish(seen: Observation, switch: SeenSwitch) -> External:
    compute, node = compute_of(switch), switch.status.node
    inspection = node.inspection if node and not compute.offline else None
    return External(
        token=compute.token,
        source_claim=compute.source_claim.name if compute.source_claim else None,
        destination_claim=destination.claim_name(seen.meta, seen.spec),
        node=None if compute.offline else compute.node,
        bytes=inspection.virtual_size_bytes if inspection else None,
    )
