"""Which turns of a migration are worth an event; pure."""

import dataclasses
from collections.abc import Iterable

from detour_crds.conditions import Condition, MigrationCondition, Status, find, is_true
from detour_operator.reconcile.publishing import turned
from detour_operator.storage_side.conditions import PRESSED
from detour_operator.storage_side.decision import CANCELLED

NEWS = {
    (MigrationCondition.SOURCE_FROZEN, Status.TRUE): "SourceFrozen",
    (MigrationCondition.COPIED, Status.TRUE): "Copied",
    (MigrationCondition.COPIED, Status.FALSE): "CopyFailed",
    (MigrationCondition.VERIFIED, Status.TRUE): "Verified",
    (MigrationCondition.SOURCE_RELEASED, Status.TRUE): "SourceReleased",
    (MigrationCondition.SUCCEEDED, Status.TRUE): "Succeeded",
    (MigrationCondition.SOURCE_DELETED, Status.TRUE): "SourceDeleted",
    (MigrationCondition.ACCEPTED, Status.FALSE): "Refused",
    (MigrationCondition.STALLED, Status.TRUE): "Stalled",
}
WARNINGS = frozenset({"CopyFailed", "Refused", "Stalled"})
OF_THE_COPY = {
    "SnapshotTaken": False,
    "Cloning": False,
    "WaitingForExternalCopy": False,
    "FallingBack": True,
}
"""Reasons of Copied that are worth an event while it is not known, and whether they warn."""
OF_THE_HANDOVER = {
    "DeclaredInGit": True,
    "ManifestNamesSource": True,
    "WaitingForDeclaration": False,
}
"""Reasons of HandedOver that ask for a commit, and whether they warn."""


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """One event."""

    reason: str
    message: str
    warning: bool


def news(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[News, ...]:
    """The events of one change of the conditions."""
    after = tuple(after)
    succeeded = find(after, MigrationCondition.SUCCEEDED)
    at_the_end = succeeded is not None and succeeded.status is Status.FALSE
    frozen = is_true(before := tuple(before), MigrationCondition.SOURCE_FROZEN)
    items = [
        item
        for item in turned(before, after)
        if not (at_the_end and item.type == MigrationCondition.STALLED)
        and not (frozen and _is_frozen_again(item))
    ]
    return tuple(found for item in items if (found := _news(item)))


def _is_frozen_again(item: Condition) -> bool:
    still = (item.type, item.status) == (MigrationCondition.SOURCE_FROZEN, Status.TRUE)
    return still and item.reason not in PRESSED


def _news(item: Condition) -> News | None:
    kind = MigrationCondition(item.type)
    if kind is MigrationCondition.SUCCEEDED and item.status is Status.FALSE:
        if item.reason == CANCELLED:
            return News(CANCELLED, item.message, warning=False)
        return News("Failed", f"{item.reason}: {item.message}", warning=True)
    if kind is MigrationCondition.HANDED_OVER and item.reason in OF_THE_HANDOVER:
        return News(item.reason, item.message, OF_THE_HANDOVER[item.reason])
    if kind is MigrationCondition.SOURCE_FROZEN and item.reason in PRESSED:
        return News(item.reason, item.message, warning=True)
    if kind is MigrationCondition.COPIED and item.reason in OF_THE_COPY:
        return News(item.reason, item.message, OF_THE_COPY[item.reason])
    reason = NEWS.get((kind, item.status))
    if reason is None:
        return None
    message = f"{item.reason}: {item.message}" if reason in WARNINGS else item.message
    return News(reason, message, reason in WARNINGS)
