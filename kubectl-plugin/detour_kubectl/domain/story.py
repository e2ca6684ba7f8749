"""What ``explain`` says: where a migration stands, why, and the next step."""

import dataclasses

from detour_crds.conditions import Condition, MigrationCondition, Status
from detour_crds.volume_migration import SourceReclaimPolicy
from detour_kubectl.domain import answering, migrations, reasons
from detour_kubectl.domain.logs import LogLine
from detour_kubectl.domain.migrations import Migration, Outcome
from detour_kubectl.domain.news import News


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A condition that says something, with what the docs say of its reason."""

    condition: Condition
    entry: reasons.Entry | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All of it; ``unseen`` says what could not be looked at, and why."""

    migration: Migration
    outcome: Outcome
    told: tuple[Told, ...]
    next_step: str
    events: tuple[News, ...] = ()
    log: tuple[LogLine, ...] = ()
    unseen: tuple[str, ...] = ()


SUMMARIES = frozenset(
    {
        MigrationCondition.READY,
        MigrationCondition.RECONCILING,
        MigrationCondition.STALLED,
        MigrationCondition.SUCCEEDED,
    }
)
"""These say the same, each for another kind of reader."""


def explain(
    migration: Migration,
    *,
    events: tuple[News, ...] = (),
    log: tuple[LogLine, ...] = (),
    unseen: tuple[str, ...] = (),
) -> Explanation:
    """Put together what was read."""
    stands = migrations.outcome(migration)
    found = told(migration, stands)
    return Explanation(
        migration=migration,
        outcome=stands,
        told=found,
        next_step=_next_step(migration, stands, found),
        events=events,
        log=log,
        unseen=unseen,
    )


def told(migration: Migration, stands: Outcome) -> tuple[Told, ...]:
    """The summary first, then each condition whose reason the docs know, once for each reason."""
    summary = migration.condition(MigrationCondition.READY)
    if summary is None:
        return ()
    found = {summary.reason: _told(summary, stands)}
    for item in migration.status.conditions:
        if item.type in SUMMARIES or item.reason in found:
            continue
        one = _told(item, stands)
        if one.entry is not None:
            found[item.reason] = one
    return tuple(found.values())


def _told(item: Condition, stands: Outcome) -> Told:
    kind = MigrationCondition(item.type)
    return Told(condition=item, entry=reasons.find(item.reason, kind, stands))


def _next_step(migration: Migration, stands: Outcome, found: tuple[Told, ...]) -> str:
    if stands is Outcome.HOLDING:
        return f"kubectl detour continue {migration.name} -n {migration.namespace}"
    steps = [item.entry.next_step for item in found if item.entry and item.entry.next_step]
    useful = [step for step in steps if step != reasons.NOTHING_TO_DO]
    answer = answering.command(migration)
    if answer is not None:
        useful.append(f"to answer: {answer}")
    if useful:
        return "; ".join(useful)
    if stands is Outcome.SUCCEEDED:
        return _after(migration)
    if stands is Outcome.CANCELLED:
        return "nothing: the disk is on its source claim. To move it after all: `move` again"
    if not found:
        return "kubectl detour doctor"
    if stands is Outcome.RUNNING:
        return "nothing: Detour goes on by itself"
    return "the message above says it"


def _after(migration: Migration) -> str:
    source = migration.status.source_claim
    kept = migration.spec.source_reclaim_policy is SourceReclaimPolicy.RETAIN
    moved = migrations.reason(migration) not in migrations.WITHOUT_A_MOVE
    deleted = migration.condition(MigrationCondition.SOURCE_DELETED)
    if moved and source and kept:
        return f"nothing: the source claim {source} is stale, and yours to delete"
    if moved and not kept and deleted is not None and deleted.status is not Status.TRUE:
        return f"nothing: the source claim {source} is deleted once nothing uses it any more"
    return "nothing"
