"""The status that follows from an observation and its decision; pure."""

import dataclasses
from collections import Counter
from collections.abc import Iterable

from detour_crds.conditions import Condition, PlanCondition, Status, stamped
from detour_crds.volume_migration_plan import (
    MOST_DISKS,
    MOST_WORDS,
    Counts,
    DiskState,
    DiskStatus,
    PlanBytes,
    PlanPhase,
    VolumeMigrationPlanStatus,
)
from detour_operator.plans.decision import Decision, is_ended
from detour_operator.plans.disks import Disk
from detour_operator.plans.observation import Observation, SeenMigration

AT_THE_END = {
    PlanPhase.SUCCEEDED: Status.TRUE,
    PlanPhase.CANCELLED: Status.FALSE,
    PlanPhase.FAILED: Status.FALSE,
}
NOT_STALLED = "NotStalled"
SHOWN = tuple(DiskState)


def status(seen: Observation, decision: Decision) -> VolumeMigrationPlanStatus:
    """The new status; of a plan that has ended the old one, for this generation of the spec.

    kstatus takes a status of an older generation for one that is still to come.
    """
    if decision.phase is None:
        return _kept(seen) if is_ended(seen) else seen.status
    shown = tuple(sorted(decision.disks, key=lambda disk: SHOWN.index(disk.state)))[:MOST_DISKS]
    return VolumeMigrationPlanStatus(
        observed_generation=seen.meta.generation,
        phase=decision.phase,
        conditions=_stamped(seen, conditions(decision, decision.phase)),
        counts=counts(decision.disks),
        bytes=bytes_of(decision.disks),
        eta_seconds=eta_seconds(decision.disks),
        window=seen.window,
        disks=tuple(_disk(disk) for disk in shown) or None,
        disks_left_out=len(decision.disks) - len(shown) + decision.left_out or None,
        start_time=seen.status.start_time or seen.now,
        completion_time=seen.now if decision.phase in AT_THE_END else None,
    )


def conditions(decision: Decision, phase: PlanPhase) -> tuple[Condition, ...]:
    """All conditions, without their times; what has ended without success is stalled too."""
    end = AT_THE_END.get(phase)
    stalled = decision.stalled or end is Status.FALSE
    working = end is None and not stalled
    told = {
        PlanCondition.READY: end or Status.FALSE,
        PlanCondition.RECONCILING: Status.TRUE if working else Status.FALSE,
        PlanCondition.SUCCEEDED: end or Status.UNKNOWN,
    }
    found = {kind: _condition(kind, told[kind], decision) for kind in told}
    found[PlanCondition.STALLED] = (
        _condition(PlanCondition.STALLED, Status.TRUE, decision)
        if stalled
        else Condition(type=PlanCondition.STALLED, status=Status.FALSE, reason=NOT_STALLED)
    )
    return tuple(found[kind] for kind in PlanCondition)


def counts(disks: Iterable[Disk]) -> Counts:
    """The disks by their state."""
    found = Counter(disk.state for disk in disks)
    return Counts(
        total=found.total(),
        waiting=found[DiskState.WAITING],
        moving=found[DiskState.MOVING],
        succeeded=found[DiskState.SUCCEEDED],
        failed=found[DiskState.FAILED],
        refused=found[DiskState.REFUSED],
        skipped=found[DiskState.SKIPPED],
    )


def bytes_of(disks: Iterable[Disk]) -> PlanBytes:
    """What there is to move, and what of it was moved or is copied."""
    counted = [disk for disk in disks if disk.state is not DiskState.SKIPPED]
    return PlanBytes(
        total=sum(disk.bytes for disk in counted), done=sum(_done(disk) for disk in counted)
    )


def eta_seconds(disks: tuple[Disk, ...]) -> int | None:
    """Seconds that the rest takes at the rate of the moves so far; None where none is known.

    A move that has ended counts with all its time, that of its merge too; before there is one,
    what the copies under way say.
    """
    moving = [disk.migration for disk in disks if disk.state is DiskState.MOVING]
    rate = _rate(disks, [one for one in moving if one is not None])
    left = sum(
        disk.bytes - _done(disk)
        for disk in disks
        if disk.state in (DiskState.MOVING, DiskState.WAITING)
    )
    return None if not moving or rate <= 0 else round(left / rate)


def _rate(disks: Iterable[Disk], moving: list[SeenMigration]) -> float:
    """Bytes per second of all that are under way together."""
    moved, seconds = 0, 0.0
    for disk in disks:
        took = disk.migration.seconds if disk.migration is not None else None
        if disk.state is DiskState.SUCCEEDED and took:
            moved, seconds = moved + disk.bytes, seconds + took
    if not seconds:
        return sum(one.bytes_per_second for one in moving)
    return len(moving) * moved / seconds


def _done(disk: Disk) -> int:
    if disk.state is DiskState.SUCCEEDED:
        return disk.bytes
    if disk.state is not DiskState.MOVING or disk.migration is None:
        return 0
    return min(disk.bytes, disk.migration.bytes_done)


def _disk(disk: Disk) -> DiskStatus:
    return DiskStatus(
        virtual_machine=disk.machine,
        volume=disk.volume,
        state=disk.state,
        reason=disk.reason or None,
        message=disk.message[:MOST_WORDS] or None,
        migration=disk.name if disk.migration is not None else None,
        source_storage_class=disk.source_class or None,
        destination_storage_class=disk.destination_class or None,
        bytes=disk.bytes or None,
    )


def _kept(seen: Observation) -> VolumeMigrationPlanStatus:
    before = seen.status
    if before.observed_generation == seen.meta.generation:
        return before
    return dataclasses.replace(
        before,
        observed_generation=seen.meta.generation,
        conditions=_stamped(seen, before.conditions),
    )


def _condition(kind: PlanCondition, value: Status, decision: Decision) -> Condition:
    return Condition(type=kind, status=value, reason=decision.reason, message=decision.message)


def _stamped(seen: Observation, told: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return stamped(seen.status.conditions, told, now=seen.now, generation=seen.meta.generation)
