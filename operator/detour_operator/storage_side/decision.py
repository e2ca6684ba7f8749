"""The form of a decision, and what every part of the table asks of an observation; pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from detour_crds import ends
from detour_crds.attachment_switch import Compute, Order
from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.volume_migration import CopyMethod, Phase
from detour_operator.storage_side.actions import Action, DeleteJob
from detour_operator.storage_side.observation import Observation, SeenSwitch

LOOK_SECONDS = 30.0
BUSY_SECONDS = 5.0
QUEUED_SECONDS = 300.0
"""Whose turn has come is woken."""
AT_ONCE = 0.1

CANCELLED = ends.CANCELLED
COPY_FAILED = "CopyFailed"
GUEST_STOPPED = "GuestStopped"
"""The compute side's word for a switch that went back because its guest stopped in the middle."""
TOO_LATE = "PastPointOfNoReturn"
MOVED = str(Phase.SUCCEEDED)
HOLD_TOO_LATE = "HoldTooLate"
ALREADY_THERE = ends.ALREADY_THERE
QUEUED = "Queued"
DRY_RUN_PASSED = ends.DRY_RUN_PASSED
"""Also the word of the switch's ``Accepted``, by which the compute side answers a dry run."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where the migration stands, what to record first, and what to do then.

    Attributes:
        phase: where it stands; None leaves the status as it is.
        reason: for a refusal, an end or a trouble, one word; else the phase says enough.
        message: the same for people.
        copy_failed: the copy failed for good, for that reason.
        told: conditions that are to say something else than what follows from the above.
        facts: fields of the status that nobody could observe again, durable before the actions.
        actions: in order.
        after: seconds until the next look; None for on events only.
    """

    phase: Phase | None
    reason: str = ""
    message: str = ""
    copy_failed: bool = False
    told: tuple[Condition, ...] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    after: float | None = LOOK_SECONDS


def begins_or_waits(decision: Decision) -> bool:
    """Whether the turn to begin is taken, or is waited for."""
    return decision.phase is Phase.PREPARING or decision.reason == QUEUED


def is_ended(seen: Observation) -> bool:
    """Whether the end was recorded; no move follows it."""
    found = find(seen.status.conditions, MigrationCondition.SUCCEEDED)
    return found is not None and found.status is not Status.UNKNOWN


def has_moved(seen: Observation) -> bool:
    """Whether the end was that the disk was moved, by this very migration."""
    found = find(seen.status.conditions, MigrationCondition.SUCCEEDED)
    return found is not None and found.status is Status.TRUE and found.reason == MOVED


def wants_back(seen: Observation) -> bool:
    """Whether the move is to be undone: the user's wish, or a copy that failed for good.

    Who deletes the namespace wishes it too: every creation is refused from then on.
    """
    return is_unwanted(seen) or copy_failure(seen) is not None


def is_unwanted(seen: Observation) -> bool:
    """Whether its user has taken the move back."""
    return seen.spec.cancel or seen.meta.deleting or seen.namespace_ends


def copy_failure(seen: Observation) -> tuple[str, str] | None:
    """Reason and message of a copy that failed for good: ``Copied`` is False for nothing else."""
    found = find(seen.status.conditions, MigrationCondition.COPIED)
    if found is None or found.status is not Status.FALSE:
        return None
    return found.reason, found.message


def compute_of(switch: SeenSwitch) -> Compute:
    """What the compute side recorded; all None before its first visit."""
    return switch.status.compute or Compute()


def method_of(seen: Observation) -> CopyMethod:
    """The copy method that was chosen; before there was a choice there was one method."""
    chosen = seen.status.copy_method
    return CopyMethod(chosen.name) if chosen and chosen.name else CopyMethod.HOST_ASSISTED


def copy_gave_up(reason: str, message: str) -> Decision:
    """The copy failed for good: recorded first, then undone."""
    return Decision(
        phase=Phase.CANCELLING, reason=reason, message=message, copy_failed=True, after=AT_ONCE
    )


def is_past_return(switch: SeenSwitch) -> bool:
    """Whether the pivot was ordered and the node agent has not refused it."""
    node = switch.status.node
    refused = node is not None and node.refused is True
    return compute_of(switch).order is Order.DESTINATION and not refused


def delete_jobs(seen: Observation) -> tuple[DeleteJob, ...]:
    """The deletion of every copy Job that is there."""
    return tuple(DeleteJob(job.name, job.uid) for job in seen.jobs if not job.deleting)


def copiers_may_live(seen: Observation) -> bool:
    """Whether a copier runs, or a Job is there that could start one."""
    return any(not job.finished for job in seen.jobs) or any(
        not copier.ended for copier in seen.copiers
    )
