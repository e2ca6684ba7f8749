"""Counts what a write of a migration's status has turned: stages, pauses, bytes and the end.

Called once that write has succeeded, so a status is counted by whoever wrote it, and no operator
that reads it later counts it again.
"""

import dataclasses

from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.volume_migration import Phase, VolumeMigrationStatus
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.metrics import families
from detour_operator.metrics.labels import REASONS
from detour_operator.metrics.objects import OBJECTS, MigrationSeen
from detour_operator.reconcile.times import seconds_between

NO_METHOD = "None"
"""Nothing was copied, and no method chosen."""


def seen(found: FoundMigration) -> None:
    """Remember a migration as it is stored."""
    status, stalled = found.status, find(found.status.conditions, MigrationCondition.STALLED)
    undone = status.phase in (Phase.CANCELLED, Phase.FAILED)
    must_act = stalled is not None and stalled.status is Status.TRUE and not undone
    progress = status.progress
    state = MigrationSeen(
        phase=status.phase or Phase.PENDING,
        stalled=stalled.reason if stalled is not None and must_act else "",
        method=_method(status),
        bytes_per_second=(progress.bytes_per_second if progress else None) or 0,
    )
    OBJECTS.migration((found.meta.namespace, found.meta.name), state)


def gone(namespace: str, name: str) -> None:
    """There is no such migration any more."""
    OBJECTS.migration((namespace, name), None)


def count(before: FoundMigration, after: VolumeMigrationStatus) -> None:
    """Count what is new in a status that was written just now."""
    created = before.raw["metadata"].get("creationTimestamp")
    _count_stages(created, before.status, after)
    _count_pauses(before.status, after)
    if after.copied is not None and after.copied_time != before.status.copied_time:
        families.COPIED.labels(_method(after)).inc(after.copied.bytes or 0)
    end = _end(after)
    if end is None or _end(before.status) is not None or after.phase is None:
        return
    reason = REASONS.label(end.reason)
    families.ENDED.labels(after.phase.value, reason, _method(after)).inc()
    _observe_duration(after.phase, created, after)


def _count_stages(
    created: str | None, before: VolumeMigrationStatus, after: VolumeMigrationStatus
) -> None:
    """Stages that end with a time which is new; ``merge`` and ``switch`` are the switch's."""
    first = (after.attempt or 1) == 1
    stages = (
        # A move that begins again was created long before that.
        (families.FREEZE, created if first else None, before.start_time, after.start_time),
        (families.COPY, after.start_time, before.copied_time, after.copied_time),
        (families.FINISH, after.released_time, before.completion_time, after.completion_time),
    )
    for stage, since, told, until in stages:
        seconds = seconds_between(since, until)
        if seconds is not None and until != told:
            families.STAGES.labels(stage).observe(max(0.0, seconds))


def _count_pauses(before: VolumeMigrationStatus, after: VolumeMigrationStatus) -> None:
    if after.pauses is None:
        return
    old = dataclasses.asdict(before.pauses) if before.pauses else {}
    for field, milliseconds in dataclasses.asdict(after.pauses).items():
        if milliseconds is not None and milliseconds != old.get(field):
            call = field.removesuffix("_milliseconds")
            families.PAUSES.labels(call).observe(milliseconds / 1000)


def _observe_duration(phase: Phase, created: str | None, after: VolumeMigrationStatus) -> None:
    seconds = seconds_between(created, after.completion_time)
    if after.start_time is not None and seconds is not None:
        families.DURATION.labels(phase.value).observe(max(0.0, seconds))


def _end(status: VolumeMigrationStatus) -> Condition | None:
    """How it ended, None if it has not."""
    told = find(status.conditions, MigrationCondition.SUCCEEDED)
    return told if told is not None and told.status is not Status.UNKNOWN else None


def _method(status: VolumeMigrationStatus) -> str:
    chosen = status.copy_method
    return (chosen.name if chosen else None) or NO_METHOD
