"""Why no move of a plan may begin, and what becomes of those that were asked for; pure."""

import dataclasses

from detour_crds.volume_migration import Phase
from detour_crds.volume_migration_plan import DiskState, PlanPhase
from detour_operator.plans import windows
from detour_operator.plans.actions import WithdrawMigration
from detour_operator.plans.decision import Decision, of, until_change
from detour_operator.plans.disks import Disk
from detour_operator.plans.observation import Observation, SeenMigration

NOT_BEGUN = (None, Phase.PENDING, Phase.REFUSED)
PAUSED, OUTSIDE_WINDOW, MAX_FAILURES = "Paused", "OutsideWindow", "MaxFailuresReached"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why no move may begin."""

    phase: PlanPhase
    reason: str
    message: str
    stalled: bool = False


def stop(seen: Observation, every: tuple[Disk, ...]) -> Stop | None:
    """The first reason; None if moves may begin."""
    failed = len(of(every, DiskState.FAILED))
    if seen.window_wrong:
        return Stop(
            phase=PlanPhase.STOPPED,
            reason=windows.WRONG,
            message=f"spec.windows: {seen.window_wrong}",
            stalled=True,
        )
    if seen.spec.max_failures is not None and failed >= seen.spec.max_failures:
        message = (
            f"{failed} moves failed, and spec.maxFailures is {seen.spec.max_failures}: no other"
            " one begins. status.disks has the reasons; mend them and raise spec.maxFailures, or"
            " cancel the plan"
        )
        return Stop(phase=PlanPhase.STOPPED, reason=MAX_FAILURES, message=message, stalled=True)
    if seen.spec.paused:
        message = "no move begins until spec.paused is false"
        return Stop(phase=PlanPhase.PAUSED, reason=PAUSED, message=message)
    if seen.window is not None and not seen.window.open:
        opens = seen.window.until
        when = f"the next maintenance window opens at {opens}" if opens else "no window ever opens"
        return Stop(
            phase=PlanPhase.WAITING, reason=OUTSIDE_WINDOW, message=when, stalled=opens is None
        )
    return None


def stopped(seen: Observation, every: tuple[Disk, ...], why: Stop) -> Decision:
    """What has begun goes on; what has not is asked for again later."""
    back = tuple(
        WithdrawMigration(one.name, one.resource_version)
        for disk in every
        if (one := disk.migration) is not None and _has_not_begun(one)
    )
    moving = sum(
        disk.migration is not None and not _has_not_begun(disk.migration)
        for disk in of(every, DiskState.MOVING)
    )
    under_way = f"; {moving} moves that have begun go on" if moving else ""
    return Decision(
        phase=why.phase,
        reason=why.reason,
        message=f"{why.message}{under_way}",
        stalled=why.stalled and not moving,
        disks=every,
        actions=back,
        after=until_change(seen),
    )


def _has_not_begun(migration: SeenMigration) -> bool:
    """Whether nothing has been done to its guest, and nobody has taken it back."""
    if migration.deleting or migration.cancel or migration.ended is not None:
        return False
    return migration.phase in NOT_BEGUN and not migration.begun
