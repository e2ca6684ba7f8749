"""When a report is written to the API: only if it says something new, and counters seldom.

Where the server takes no report of what is, ``status.node`` says that instead, beside what it took
last: a guest on an overlay of which nothing is heard is for a person to see.
"""

import dataclasses

from detour_crds.attachment_switch import LastError, Node, Qemu, Top
from detour_crds.names import STATUS_REFUSED

COUNTER_SECONDS = 5.0
"""Bytes of the overlay and of the merge alone are written no more often than this."""


@dataclasses.dataclass(slots=True)
class Publisher:
    """Compares the reports of one switch with what the API has."""

    last_write: float | None = None

    def is_due(self, before: Node, after: Node, now: float) -> bool:
        """Whether a report is to be sent now, where the API has another one."""
        if before == after:
            return False
        return _says_more(before, after) or self._has_waited(now)

    def written(self, now: float) -> None:
        """Remember that a report was sent."""
        self.last_write = now

    def _has_waited(self, now: float) -> bool:
        return self.last_write is None or now - self.last_write >= COUNTER_SECONDS


def refusal(before: Node, token: str | None, said: str) -> Node:
    """The report of a refused one; itself if it is told already.

    Of an earlier attempt nothing is left, which could be read as a promise or a result of this.
    """
    if _is_refusal(before) and before.token == token:
        return before
    unknown = Node(token=token, top=Top.UNKNOWN, qemu=Qemu.UNKNOWN)
    error = LastError(
        reason=STATUS_REFUSED,
        message=f"the API server refuses the node agent's status, and what else it says is old:"
        f" {said}",
    )
    return dataclasses.replace(before if before.token == token else unknown, last_error=error)


def without_refusal(node: Node) -> Node:
    """A report to go on from: whether the next one is refused is not known."""
    return dataclasses.replace(node, last_error=None) if _is_refusal(node) else node


def _is_refusal(node: Node) -> bool:
    return node.last_error is not None and node.last_error.reason == STATUS_REFUSED


def _says_more(before: Node, after: Node) -> bool:
    """Whether anything but counters and the row changed."""
    return _without_counters(before) != _without_counters(after)


def _without_counters(node: Node) -> Node:
    overlay = node.overlay and dataclasses.replace(node.overlay, bytes=None)
    return dataclasses.replace(node, overlay=overlay, merge=None, row=None)
