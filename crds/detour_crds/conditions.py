"""Conditions as in the Kubernetes API conventions, shaped for kstatus."""

import dataclasses
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

MESSAGE_LIMIT: Final = 4096
"""Characters of a message that the CRDs allow."""
LEFT_OUT: Final = " ..."


class Status(StrEnum):
    """Whether a condition holds; UNKNOWN until somebody looked."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class MigrationCondition(StrEnum):
    """Types of a VolumeMigration's conditions, in the order of its story."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    ACCEPTED = "Accepted"
    LOCKED = "Locked"
    SOURCE_FROZEN = "SourceFrozen"
    COPIED = "Copied"
    VERIFIED = "Verified"
    SOURCE_RELEASED = "SourceReleased"
    HANDED_OVER = "HandedOver"
    SUCCEEDED = "Succeeded"
    SOURCE_DELETED = "SourceDeleted"


class SwitchCondition(StrEnum):
    """Types of an AttachmentSwitch's conditions.

    ``Accepted`` is False, with the reason, while a start is refused and nothing has been changed.
    """

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    ACCEPTED = "Accepted"
    LOCKED = "Locked"
    SOURCE_FROZEN = "SourceFrozen"
    SOURCE_RELEASED = "SourceReleased"
    GUEST_RUNNING = "GuestRunning"
    HANDED_OVER = "HandedOver"


class PlanCondition(StrEnum):
    """Types of a VolumeMigrationPlan's conditions."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUCCEEDED = "Succeeded"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; ``reason`` is one stable CamelCase word."""

    type: str
    status: Status
    reason: str
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int | None = None


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of a type, if it is there."""
    return next((item for item in conditions if item.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    """Whether a condition is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status is Status.TRUE


def stamped(
    before: Iterable[Condition], after: Iterable[Condition], *, now: str, generation: int
) -> tuple[Condition, ...]:
    """New conditions with their times: ``now`` where the status changed, else the time it had.

    What does not fit of a message is left out: the API server would refuse the whole status.
    """
    known = {item.type: item for item in before}
    result = []
    for item in after:
        old = known.get(item.type)
        same = old is not None and old.status is item.status and old.last_transition_time
        time = old.last_transition_time if old is not None and same else now
        result.append(
            dataclasses.replace(
                item,
                message=_fitting(item.message),
                last_transition_time=time,
                observed_generation=generation,
            )
        )
    return tuple(result)


def _fitting(message: str) -> str:
    if len(message) <= MESSAGE_LIMIT:
        return message
    return message[: MESSAGE_LIMIT - len(LEFT_OUT)] + LEFT_OUT
