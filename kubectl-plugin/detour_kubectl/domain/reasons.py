"""What each reason means and what to do, as docs/when-things-go-wrong.md says it.

``reasons.json`` is drawn from that page (``make reasons``) and a test compares them: what the
plugin says is what the page says, word by word.
"""

import dataclasses
import functools
import importlib.resources
import json
from enum import StrEnum
from typing import Final

from detour_crds.conditions import MigrationCondition
from detour_kubectl.domain.migrations import Outcome

PAGE: Final = "docs/when-things-go-wrong.md"
NOTHING_TO_DO: Final = "-"


class Section(StrEnum):
    """A table of the page, by its heading's anchor; COPIED is a second table of ENDED."""

    REFUSED = "refused-nothing-was-changed"
    WAITING = "waiting"
    ENDED = "cancelled-or-failed-the-vm-runs-on-the-source"
    COPIED = "reason-of-copied"
    STALLED = "stalled-a-person-must-act"
    AFTER = "after-a-success"
    PLANS = "plans"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row; ``next_step`` is empty where the page has none."""

    section: Section
    reason: str
    meaning: str
    next_step: str = ""

    @property
    def where(self) -> str:
        """The place on the page."""
        anchor = Section.ENDED if self.section is Section.COPIED else self.section
        return f"{PAGE}#{anchor}"


TRANSIENT: Final = frozenset(
    {
        "BlockJobRunning",
        "DestinationBeingFilled",
        "InstanceNotRunning",
        "InstancePaused",
        "LauncherNotFound",
        "LiveMigrationInProgress",
        "MemoryDumpInProgress",
        "RestoreInProgress",
        "SnapshotInProgress",
        "StateChangeInProgress",
        "VirtualMachineBusy",
        "VirtualMachineStarting",
        "VolumesChanging",
    }
)
"""Refusals that end by themselves: whoever waits for the move goes on waiting."""

AT_THE_END: Final = {
    Outcome.SUCCEEDED: Section.AFTER,
    Outcome.CANCELLED: Section.ENDED,
    Outcome.FAILED: Section.ENDED,
    Outcome.STALLED: Section.STALLED,
}


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All rows, in the page's order."""
    text = importlib.resources.files("detour_kubectl").joinpath("reasons.json").read_text("utf-8")
    return tuple(
        Entry(
            section=Section(item["section"]),
            reason=item["reason"],
            meaning=item["meaning"],
            next_step=item["nextStep"],
        )
        for item in json.loads(text)
    )


def find(reason: str, kind: MigrationCondition, outcome: Outcome) -> Entry | None:
    """The row of a condition's reason: of the table that fits, else of any that has it."""
    having = [entry for entry in entries() if entry.reason == reason]
    for section in _sections(kind, outcome):
        for entry in having:
            if entry.section is section:
                return entry
    return having[0] if having else None


def of_plan(reason: str) -> Entry | None:
    """The row of a plan's reason."""
    having = (entry for entry in entries() if entry.section is Section.PLANS)
    return next((entry for entry in having if entry.reason == reason), None)


def _sections(kind: MigrationCondition, outcome: Outcome) -> tuple[Section, ...]:
    if kind is MigrationCondition.COPIED:
        return (Section.COPIED, Section.WAITING)
    if kind is MigrationCondition.ACCEPTED:
        return (Section.REFUSED,)
    if kind is MigrationCondition.SOURCE_DELETED:
        return (Section.AFTER,)
    if outcome is Outcome.REFUSED:
        return (Section.REFUSED,)
    return (AT_THE_END.get(outcome, Section.WAITING), Section.WAITING)
