"""The storage makes the destination claim from the frozen source; pure.

Snapshot and claim carry the switch's uid and token, so that none of another attempt counts; they
are made once the source is frozen and never before. That the image is on the claim, and can be had
on the guest's node, a Job sees: the copier's, without a source. What fails is given up for the
next method of Auto, whatever it has left behind is deleted by its uid, and only then the next one
begins. The switch names the claim once it is a copy: until then the claim may have to be made
anew, and nothing but that Job is to hold it.
"""

from detour_crds.volume_migration import CopyMethod, CopyMethodStatus, Phase
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side import destination, discarding, making, methods, snapshot
from detour_operator.storage_side.actions import NameDestination
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    Decision,
    compute_of,
    copy_gave_up,
    method_of,
)
from detour_operator.storage_side.fallback import ERROR_SECONDS, UNHEARD, is_final
from detour_operator.storage_side.observation import Observation, SeenSwitch


def begun(status: CopyMethodStatus | None) -> bool:
    """Whether the storage was, or is to be, asked to make something for this migration."""
    return status is not None and (status.name in methods.BY_STORAGE or bool(status.tried))


def is_late(switch: SeenSwitch) -> bool:
    """Whether the destination is made once the source is frozen."""
    named = switch.spec.destination
    return named is None or not named.claim_name


def destination_decision(seen: Observation, switch: SeenSwitch) -> Decision | None:
    """The next step until the claim is there as the method wants it; None then."""
    stale, claim = snapshot.stale(seen, switch), seen.destination
    if claim is not None and _is_misfit(seen, switch):
        if is_over(claim.deleting_since, seen.now, seen.copy_limit_seconds):
            message = f"the claim {claim.name} is to be made anew, and something still uses it"
            return copy_gave_up("DestinationInUse", message)
        return discarding.discard(seen, claim, Phase.COPYING, stale)
    if stale:
        message = "what another attempt left behind is being deleted"
        return Decision(phase=Phase.COPYING, message=message, actions=stale, after=BUSY_SECONDS)
    if method_of(seen) is CopyMethod.VOLUME_SNAPSHOT:
        return snapshot.step(seen, switch) or making.step(seen, switch)
    return making.step(seen, switch)


def naming(seen: Observation, switch: SeenSwitch) -> Decision | None:
    """The next step until the switch names the very claim that is a copy; None then.

    From then on the lock protects it and the holder has it, and the compute side has its uid.
    """
    wanted = seen.status.copied.claim_uid if seen.status.copied else None
    if wanted is None:
        return None
    claim, noted = seen.destination, compute_of(switch).destination_claim
    if is_late(switch):
        if claim is None or claim.uid != wanted or claim.deleting:
            return _replaced(seen)
        name = NameDestination(switch.meta, claim.name)
        return Decision(phase=_next_phase(seen), actions=(name,), after=AT_ONCE)
    if noted is None:
        message = "waiting for the copy's claim to be noted"
        return Decision(phase=_next_phase(seen), message=message, after=BUSY_SECONDS)
    return None if noted.uid == wanted else _replaced(seen)


def _next_phase(seen: Observation) -> Phase:
    return Phase.HOLDING if seen.spec.hold else Phase.MERGING


def _replaced(seen: Observation) -> Decision:
    name = destination.claim_name(seen.meta, seen.spec)
    message = f"the claim {name} that was the copy is not there any more"
    return copy_gave_up("DestinationReplaced", message)


def is_fit(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether the claim that is there is the one to be copied to, or to be seen as a copy."""
    claim = seen.destination
    ours = claim is not None and claim.created_for == seen.meta.uid
    return ours and not _is_misfit(seen, switch)


def is_making(seen: Observation) -> bool:
    """Whether the storage has been asked for the claim and has not made it yet."""
    claim = seen.destination
    return method_of(seen) in methods.BY_STORAGE and claim is not None and claim.phase != "Bound"


def trouble(seen: Observation, switch: SeenSwitch) -> tuple[str, str] | None:
    """Why the claim that the storage is asked for is given up, if it is."""
    claim = seen.destination
    if claim is None or not is_making(seen) or _is_misfit(seen, switch):
        return None
    why = seen.not_provisioned
    if is_final(why) and is_over(claim.created, seen.now, ERROR_SECONDS):
        return "ProvisioningFailed", f"the claim {claim.name} cannot be made: {why}"
    if is_over(claim.created, seen.now, seen.copy_limit_seconds * UNHEARD):
        return "ProvisioningTimedOut", f"the claim {claim.name} is still {claim.phase}"
    return None


def _is_misfit(seen: Observation, switch: SeenSwitch) -> bool:
    claim, wanted = seen.destination, making.wanted_source(seen, switch)
    if claim is None or not discarding.is_made(seen, claim):
        return False
    fits = wanted is not None and claim.data_source == "/".join(wanted)
    current = fits and claim.token == compute_of(switch).token
    return not current or claim.deleting or claim.uid == seen.status.discarded_claim_uid
