"""An existing destination is seen to be empty before anything is written to it; pure.

Only a pod that has the volume can see that, and once a copier has begun nobody can: from then on a
half copy is there, of whatever attempt. So a Job of its own looks, and that it found nothing is
recorded under the claim's uid before the Job that copies is created. It holds for all of the
migration: another attempt finds this one's half copy, which is nobody's data.
"""

import dataclasses

from detour_crds.conditions import Condition, MigrationCondition, Status
from detour_crds.volume_migration import CopyMethod, Phase, Verify
from detour_operator.storage_side.actions import CreateJob
from detour_operator.storage_side.decision import AT_ONCE, Decision, compute_of, method_of
from detour_operator.storage_side.observation import Observation, SeenSwitch

WRITES = (CopyMethod.HOST_ASSISTED, CopyMethod.HYPERVISOR)
"""Methods by which Detour itself, or QEMU for it, writes to the claim."""
MESSAGE = "seeing that the destination claim is empty"
LOOKING = Condition(
    type=MigrationCondition.COPIED,
    status=Status.UNKNOWN,
    reason="CheckingDestination",
    message=f"{MESSAGE}: nothing is written to it before",
)


def is_to_be_seen(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether that is to be seen first.

    Not of a claim that Detour made, or that may be overwritten; nor where somebody else copies.
    """
    wanted = seen.spec.destination
    if not wanted.claim_name or wanted.overwrite:
        return False
    return method_of(seen) in WRITES and (
        seen.status.empty_claim_uid is None or seen.status.empty_claim_uid != _noted(seen, switch)
    )


def is_noted(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether it is known which claim the switch is about, so that the finding can be recorded."""
    return _noted(seen, switch) is not None


def looking(copy: CreateJob) -> CreateJob:
    """The Job that looks, in place of the one that copies."""
    name = copy.name.replace("detour-copy-", "detour-look-", 1)
    return dataclasses.replace(
        copy,
        name=name,
        copies=False,
        verify=Verify.NONE,
        bytes_per_second=None,
        size_bytes=None,
        look=True,
    )


def found(seen: Observation, switch: SeenSwitch) -> Decision:
    """It is empty: durable before it is written to."""
    facts = {"empty_claim_uid": _noted(seen, switch)}
    return Decision(phase=Phase.COPYING, facts=facts, after=AT_ONCE)


def told(decision: Decision) -> Decision:
    """The decision with what ``Copied`` says meanwhile."""
    return dataclasses.replace(decision, message=decision.message or MESSAGE, told=(LOOKING,))


def _noted(seen: Observation, switch: SeenSwitch) -> str | None:
    """The uid of the claim that the switch is about: another one of its name ends the move.

    The claim that QEMU copies to is named only once it was seen to be empty.
    """
    claim = compute_of(switch).destination_claim
    if claim is None and method_of(seen) is CopyMethod.HYPERVISOR:
        return seen.destination.uid if seen.destination else None
    return claim.uid if claim else None
