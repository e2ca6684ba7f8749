"""What to do next for one plan, from what is observed now; pure.

No decision remembers anything: which disks there are follows from the selector and from the plan's
migrations, where each stands from its migration. The one thing written down is what a dry run has
found out, before the migration that was asked is deleted.
"""

import dataclasses

from detour_crds.ends import CANCELLED
from detour_crds.volume_migration_plan import DiskState, PlanPhase
from detour_operator.plans import dry_run, starting, stopping
from detour_operator.plans.actions import CancelMigration
from detour_operator.plans.decision import (
    DISKS_REFUSED,
    Decision,
    is_ended,
    of,
    until_change,
)
from detour_operator.plans.disks import BUSY, Disk, disks
from detour_operator.plans.observation import Observation

MOST_REFUSED = 100
"""Each refused migration is looked at again every half minute, for as long as it is there."""

MOVING, CANCELLING = "Moving", "Cancelling"
TOO_MANY_REFUSED, DISKS_STALLED = "TooManyRefused", "DisksStalled"
SUCCEEDED, DISKS_FAILED, NOTHING_TO_MOVE = "Succeeded", "DisksFailed", "NothingToMove"


def decide(seen: Observation) -> Decision:
    """Choose the next step; safe to call again after a crash at any point."""
    if is_ended(seen) or seen.meta.deleting:
        return Decision(phase=None, after=None)
    every = disks(seen)
    if seen.spec.cancel:
        return _cancelled(every)
    if seen.spec.dry_run:
        return dry_run.decide(seen, every)
    if not of(every, DiskState.WAITING, DiskState.MOVING, DiskState.REFUSED):
        return _ended(every)
    why_not = stopping.stop(seen, every)
    if why_not is not None:
        return stopping.stopped(seen, every, why_not)
    return _moving(seen, every)


def _cancelled(every: tuple[Disk, ...]) -> Decision:
    """What is under way goes back to its source; what is waiting is left alone."""
    left = [
        disk.migration
        for disk in of(every, DiskState.MOVING, DiskState.REFUSED)
        if disk.migration is not None
    ]
    skipped = tuple(_skipped_by_cancel(disk) for disk in every)
    if left:
        return Decision(
            phase=PlanPhase.CANCELLING,
            reason=CANCELLING,
            message=f"{len(left)} moves are being cancelled",
            disks=skipped,
            actions=tuple(
                CancelMigration(one.name, one.resource_version)
                for one in left
                if not (one.cancel or one.deleting)
            ),
        )
    moved = len(of(every, DiskState.SUCCEEDED))
    return Decision(
        phase=PlanPhase.CANCELLED,
        reason=CANCELLED,
        message=f"the plan was cancelled; {moved} disks had been moved and stay where they are",
        disks=skipped,
        after=None,
    )


def _skipped_by_cancel(disk: Disk) -> Disk:
    if disk.state is not DiskState.WAITING:
        return disk
    return dataclasses.replace(disk, state=DiskState.SKIPPED, reason=CANCELLED)


def _ended(every: tuple[Disk, ...]) -> Decision:
    moved, failed = (len(of(every, state)) for state in (DiskState.SUCCEEDED, DiskState.FAILED))
    skipped = len(of(every, DiskState.SKIPPED))
    rest = f"{moved} disks were moved, {skipped} were skipped"
    if failed:
        message = (
            f"{failed} disks could not be moved and are on their source claims; {rest}."
            " status.disks has the reasons: mend them and create another plan, which leaves alone"
            " what was moved"
        )
        return Decision(
            phase=PlanPhase.FAILED, reason=DISKS_FAILED, message=message, disks=every, after=None
        )
    return Decision(
        phase=PlanPhase.SUCCEEDED,
        reason=SUCCEEDED if moved else NOTHING_TO_MOVE,
        message=rest if moved else f"no disk that is selected is to be moved, {rest}",
        disks=every,
        after=None,
    )


def _moving(seen: Observation, every: tuple[Disk, ...]) -> Decision:
    refused = of(every, DiskState.REFUSED)
    room = max(0, MOST_REFUSED - len(refused))
    begun = starting.begins(seen, every)[:room]
    moving = of(every, DiskState.MOVING)
    going = [disk for disk in moving if disk.migration is None or not disk.migration.stalled]
    waiting = of(every, DiskState.WAITING)
    for_others = any(disk.reason == BUSY for disk in waiting)
    counted = (
        f"{len(moving) + len(begun)} disks are being moved, {len(waiting)} were not begun yet"
    )
    told = f"{counted}, {len(refused)} are refused" if refused else counted
    if begun or going or for_others:
        return Decision(
            phase=PlanPhase.MOVING,
            reason=MOVING,
            message=told,
            disks=every,
            begins=begun,
            after=until_change(seen),
        )
    reason, what = _why_stuck(moving, room=room > 0)
    return Decision(
        phase=PlanPhase.STOPPED,
        reason=reason,
        message=f"{told}; {what}",
        stalled=True,
        disks=every,
        after=until_change(seen),
    )


def _why_stuck(moving: tuple[Disk, ...], *, room: bool) -> tuple[str, str]:
    mend = "status.disks has the reasons: each goes on by itself once that is mended"
    if moving:
        return DISKS_STALLED, f"none of those that have begun goes on without somebody. {mend}"
    if not room:
        return TOO_MANY_REFUSED, (
            f"no other one begins before fewer than {MOST_REFUSED} are refused. {mend}; or cancel"
            " the plan and select fewer"
        )
    return DISKS_REFUSED, f"{mend}; cancel those that are not to be moved, or the plan"
