"""What of a status is written: only what changed, and only the fields the writer owns."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from detour_crds.conditions import Condition
from detour_crds.serialise import merge_patch


def status_patch(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], owned: Collection[str]
) -> dict[str, Any]:
    """The merge patch for the object's status subresource; empty if nothing changed.

    Args:
        before: the status as it was read.
        after: the status as it is to be.
        owned: the top-level fields of the status that the writer owns; others are left alone.
    """
    old = {name: value for name, value in (before or {}).items() if name in owned}
    new = {name: value for name, value in after.items() if name in owned}
    changes = merge_patch(old, new)
    return {"status": changes} if changes else {}


def is_only_told(
    before: Mapping[str, Any], after: Mapping[str, Any], told: Collection[str]
) -> bool:
    """Whether two statuses differ in nothing that a decision, or a look, may rest on.

    Args:
        before: one status.
        after: the other.
        told: the top-level fields that are there to be read by people only; of the conditions
            the messages are.
    """
    fields = ({*before, *after}) - {*told, "conditions"}
    same = all(before.get(name) == after.get(name) for name in fields)
    return same and _turns(before) == _turns(after)


def _turns(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    conditions = status.get("conditions") or []
    return {item["type"]: (item["status"], item["reason"]) for item in conditions}


def turned(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Condition, ...]:
    """The conditions whose status or reason is another one now; what events are made of."""
    known = {item.type: (item.status, item.reason) for item in before}
    return tuple(item for item in after if known.get(item.type) != (item.status, item.reason))
