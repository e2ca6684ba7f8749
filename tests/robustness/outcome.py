"""How a migration ended, and what a stop asks of its user: what the documents say, as data."""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cluster import paths
from harness.kube import Object

PAGE = Path("docs") / "when-things-go-wrong.md"


class End(StrEnum):
    """How it ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """On the source, with a reason: the documented step is another migration."""
    GONE = "deleted"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one migration; ``steps`` are the answers that were given on the way."""

    end: End
    reason: str = ""
    steps: tuple[str, ...] = ()

    def words(self) -> str:
        """In short."""
        told = f"{self.end} ({self.reason})" if self.end is End.FAILED else str(self.end)
        return ", then ".join((*self.steps, told))


BY_USER = frozenset({"Cancelled", "SwitchDeleted"})
STEPS: Mapping[str, Object] = {
    "AmbiguousPivot": {"trust": "Overlay"},
    "AmbiguousCommit": {"trust": "Overlay"},
    "DestinationFailed": {"trust": "Overlay"},
    "StartFailed": {"cancel": True},
}
"""What to change in the spec of a migration that stopped for that reason and waits for a person.

An answer goes with the name of the stop (``step_of``).

The guest is gone in the first three, and its last writes are in the overlay, as far as is known.
"""
PASSING = frozenset({"NodeLost", "SourceFailed"})
"""Stops that end by themselves with the fault."""


def end_of(conditions: Mapping[str, Object]) -> Outcome | None:
    """How a migration with these conditions, by their types, ended; None if it has not."""
    succeeded = conditions.get("Succeeded", {})
    reason = str(succeeded.get("reason", ""))
    if succeeded.get("status") == "True":
        return Outcome(end=End.COMPLETED, reason=reason)
    if succeeded.get("status") != "False":
        return None
    return Outcome(end=End.CANCELLED if reason in BY_USER else End.FAILED, reason=reason)


def stop_of(conditions: Mapping[str, Object]) -> str:
    """The reason for which one waits for a person; empty if it does not."""
    stalled = conditions.get("Stalled", {})
    waits = stalled.get("status") == "True" and end_of(conditions) is None
    return str(stalled.get("reason", "")) if waits else ""


def step_of(stop: str, found: Object) -> Object:
    """The change of the spec for a migration that stopped for that reason, as it is shown."""
    step = STEPS[stop]
    if "trust" not in step:
        return step
    return {**step, "answeredStop": found.get("status", {}).get("stop")}


def is_documented(reason: str) -> bool:
    """Whether the page for that explains the reason."""
    return f"`{reason}`" in (paths.REPOSITORY / PAGE).read_text()


def complaints(outcome: Outcome, *, may_be_cancelled: bool, may_fail: bool) -> list[str]:
    """What is wrong with such an end, whatever became of the data.

    Args:
        outcome: the end.
        may_be_cancelled: whether a user has asked for that.
        may_fail: whether a fault was such that the move need not succeed.
    """
    found = []
    if outcome.end in (End.CANCELLED, End.GONE) and not may_be_cancelled:
        found.append(f"it was {outcome.end}, and nobody had asked for that")
    if outcome.end is End.FAILED:
        if not is_documented(outcome.reason):
            found.append(f"the reason {outcome.reason} is not explained in {PAGE}")
        if not may_fail:
            found.append(f"it failed ({outcome.reason}), and no fault was a reason for that")
    return found
