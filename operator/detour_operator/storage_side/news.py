"""Which turns of a migration are worth an event; pure."""

import dataclasses
from collections.abc import Iterable

from detour_crds.conditions import Condition, MigrationCondition, Status
from detour_operator.reconcile.publishing import turned
from detour_operator.storage_side.decision import CANCELLED

NEWS = {
    (MigrationCondition.SOURCE_FROZEN, Status.TRUE): "SourceFrozen",
    (MigrationCondition.COPIED, Status.TRUE): "Copied",
    (MigrationCondition.COPIED, Status.FALSE): "CopyFailed",
    (MigrationCondition.SOURCE_RELEASED, Status.TRUE): "SourceReleased",
    (MigrationCondition.SUCCEEDED, Status.TRUE): "Succeeded",
    (MigrationCondition.ACCEPTED, Status.FALSE): "Refused",
    (MigrationCondition.STALLED, Status.TRUE): "Stalled",
}
WARNINGS = frozenset({"CopyFailed", "Refused", "Stalled"})


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """One event."""

    reason: str
    message: str
    warning: bool


def news(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[News, ...]:
    """The events of one change of the conditions."""
    return tuple(found for item in turned(before, after) if (found := _news(item)))


def _news(item: Condition) -> News | None:
    kind = MigrationCondition(item.type)
    if kind is MigrationCondition.SUCCEEDED and item.status is Status.FALSE:
        if item.reason == CANCELLED:
            return News(CANCELLED, item.message, warning=False)
        return News("Failed", f"{item.reason}: {item.message}", warning=True)
    reason = NEWS.get((kind, item.status))
    if reason is None:
        return None
    message = f"{item.reason}: {item.message}" if reason in WARNINGS else item.message
    return News(reason, message, reason in WARNINGS)
