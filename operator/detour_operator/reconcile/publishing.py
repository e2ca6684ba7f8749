"""What of a status is written, and when: only what changed, and words alone not too often."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from detour_crds.conditions import Condition
from detour_crds.serialise import merge_patch

WORDS_SECONDS = 1.0
SUMMARIES = ("Ready", "Reconciling")
"""Conditions that say in a word what is being done. While an object is under way no decision
rests on that word; it is at its end by a field that counts."""


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
            the messages are, and the reasons of those that sum up what happens.
    """
    fields = ({*before, *after}) - {*told, "conditions"}
    same = all(before.get(name) == after.get(name) for name in fields)
    return same and _turns(before) == _turns(after)


def _turns(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        item["type"]: (item["status"], "" if item["type"] in SUMMARIES else item["reason"])
        for item in status.get("conditions") or []
    }


class Words:
    """Has words wait where the object was written just now.

    Those of a step that takes a tenth of a second would wake both sides and the node agent, and
    be replaced before anybody has read them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[str, float] = {}
        self._mutex = threading.Lock()

    def wait(self, uid: str) -> float:
        """Seconds until words about the object may be written; 0 for now."""
        with self._mutex:
            at = self._written.get(uid)
        return 0.0 if at is None else max(0.0, at + WORDS_SECONDS - self._clock())

    def written(self, uid: str) -> None:
        """The object's status was written."""
        now = self._clock()
        with self._mutex:
            recent = self._written.items()
            self._written = {other: at for other, at in recent if at > now - WORDS_SECONDS}
            self._written[uid] = now


def turned(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Condition, ...]:
    """The conditions whose status or reason is another one now; what events are made of."""
    known = {item.type: (item.status, item.reason) for item in before}
    return tuple(item for item in after if known.get(item.type) != (item.status, item.reason))
