"""When a report is written to the API: only if it says something new, and counters seldom."""

import dataclasses

from detour_crds.attachment_switch import Node
from detour_crds.serialise import merge_patch, serialise

COUNTER_SECONDS = 5.0
"""Bytes of the overlay and of the merge alone are written no more often than this."""


@dataclasses.dataclass(slots=True)
class Publisher:
    """Compares the reports of one switch with what the API has."""

    last_write: float | None = None

    def patch(self, before: Node, after: Node, now: float) -> dict[str, object]:
        """The merge patch to send, empty if nothing is due."""
        patch = merge_patch(serialise(before), serialise(after))
        if not patch or _says_more(before, after) or self._due(now):
            return patch
        return {}

    def written(self, now: float) -> None:
        """Remember that a report was sent."""
        self.last_write = now

    def _due(self, now: float) -> bool:
        return self.last_write is None or now - self.last_write >= COUNTER_SECONDS


def _says_more(before: Node, after: Node) -> bool:
    """Whether anything but counters and the row changed."""
    return _without_counters(before) != _without_counters(after)


def _without_counters(node: Node) -> Node:
    overlay = node.overlay and dataclasses.replace(node.overlay, bytes=None)
    return dataclasses.replace(node, overlay=overlay, merge=None, row=None)
