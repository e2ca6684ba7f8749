"""The form of a decision, and what every part of it asks of an observation; pure."""

import dataclasses
from collections.abc import Iterable

from detour_crds.volume_migration_plan import DiskState, PlanPhase
from detour_operator.plans.actions import Action, CreateMigration
from detour_operator.plans.disks import Disk
from detour_operator.plans.observation import Observation
from detour_operator.reconcile.times import seconds_between

LOOK_SECONDS = 60.0
"""Machines and claims that come or change tell of nothing: they are looked for so often."""

DISKS_REFUSED = "DisksRefused"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where the plan stands, and what to do.

    Attributes:
        phase: where it stands; None leaves the status as it is.
        reason: why, in one word.
        message: the same for people.
        stalled: a person must act before it goes on; what is under way does.
        disks: of the plan, in their order.
        left_out: disks that a dry run does not ask about.
        begins: migrations to create, which their names make safe to repeat.
        actions: what to do once the status is written.
        after: seconds until the next look; None for on events only.
    """

    phase: PlanPhase | None
    reason: str = ""
    message: str = ""
    stalled: bool = False
    disks: tuple[Disk, ...] = ()
    left_out: int = 0
    begins: tuple[CreateMigration, ...] = ()
    actions: tuple[Action, ...] = ()
    after: float | None = LOOK_SECONDS


def is_ended(seen: Observation) -> bool:
    """Whether the end was recorded; nothing follows it."""
    return seen.status.completion_time is not None


def of(every: Iterable[Disk], *states: DiskState) -> tuple[Disk, ...]:
    """The disks in one of these states."""
    return tuple(disk for disk in every if disk.state in states)


def until_change(seen: Observation) -> float:
    """Until the windows open or close, if that is before the next look."""
    until = seen.window.until if seen.window else None
    seconds = seconds_between(seen.now, until)
    return LOOK_SECONDS if seconds is None else min(LOOK_SECONDS, max(1.0, seconds))
