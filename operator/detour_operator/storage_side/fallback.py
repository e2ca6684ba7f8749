"""When what the storage is asked for is given up, and what comes then; pure."""

import dataclasses

from detour_crds.conditions import Condition, MigrationCondition, Status
from detour_crds.volume_migration import CopyMethod, Phase
from detour_operator.storage_side import methods
from detour_operator.storage_side.actions import Action, CreateClaim, CreateJob, CreateSnapshot
from detour_operator.storage_side.decision import AT_ONCE, BUSY_SECONDS, Decision, copy_gave_up
from detour_operator.storage_side.observation import Observation

ERROR_SECONDS = 60.0
"""So long a snapshot or a claim may be in trouble: drivers try again, and often succeed."""
UNHEARD = 4
"""A storage that says nothing is given so many times the limit of a copy."""
STILL_TRYING = (
    "code = Canceled",
    "code = DeadlineExceeded",
    "code = Unavailable",
    "code = Aborted",
)
"""By these answers a driver may still be at it (csi-provisioner's ``isFinalError``)."""


def give_up(seen: Observation, reason: str, message: str) -> Decision:
    """The next method of Auto takes over, durably before anything else; or the copy has failed."""
    asked, chosen = seen.spec.copy.method, seen.status.copy_method
    if asked is CopyMethod.AUTO and chosen is not None:
        after = methods.after_failure(chosen, reason, message)
        if after is not None:
            told = f"{chosen.name} failed ({reason}): {message}; going on with {after.name}"
            facts = {"copy_method": after}
            condition = copying(Status.UNKNOWN, "FallingBack", told)
            return Decision(
                phase=Phase.COPYING,
                message=told,
                told=(condition,),
                facts=facts,
                after=AT_ONCE,
            )
    return copy_gave_up(reason, message)


CREATES = {CreateClaim: "ClaimRefused", CreateSnapshot: "SnapshotRefused", CreateJob: "JobRefused"}


def refused(seen: Observation, decision: Decision, action: Action, told: str) -> Decision:
    """What is to be told where the API server refuses an action.

    While the source is frozen what copies it is given up: a quota, or a policy of the cluster,
    would have the virtual machine locked until somebody wonders.
    """
    reason = CREATES.get(type(action))
    if reason is not None and decision.phase is Phase.COPYING:
        given_up = give_up(seen, reason, told)
        return dataclasses.replace(given_up, facts={**decision.facts, **given_up.facts})
    return dataclasses.replace(decision, message=f"{decision.message}; tried and failed: {told}")


def is_final(error: str | None) -> bool:
    """Whether the driver has given up what it was asked for."""
    return bool(error) and not any(words in str(error) for words in STILL_TRYING)


def copying(status: Status, reason: str, message: str) -> Condition:
    """What ``Copied`` says while there is no progress in bytes."""
    return Condition(type=MigrationCondition.COPIED, status=status, reason=reason, message=message)


def waiting(reason: str, message: str) -> Decision:
    """Nothing is to be done but to wait for the storage."""
    told = copying(Status.UNKNOWN, reason, message)
    return Decision(phase=Phase.COPYING, message=message, told=(told,), after=BUSY_SECONDS)
