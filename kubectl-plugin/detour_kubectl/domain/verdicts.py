"""Whether a volume could be moved, by the answer to a dry run."""

import dataclasses
from enum import StrEnum

from detour_crds.conditions import MigrationCondition
from detour_kubectl.domain import migrations, reasons
from detour_kubectl.domain.migrations import Migration, Outcome


class Verdict(StrEnum):
    """In words that stand in a table."""

    LIVE = "can move live"
    STOPPED = "is stopped, can move"
    OFFLINE = "offline only"
    LATER = "not now"
    NO = "cannot move"
    UNKNOWN = "not known"


ONLY_WHILE_STOPPED = frozenset(
    {
        "ChangedBlockTracking",
        "DiskKindNotSupported",
        "LauncherTooOld",
        "OverlayNoRoom",
        "VolumeHotplugged",
        "VolumeModeDiffers",
    }
)
"""Refusals that are about the running guest alone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be said of one volume."""

    machine: str
    volume: str
    verdict: Verdict
    reason: str = ""
    message: str = ""
    next_step: str = ""


def judge(dry_run: Migration, *, running: bool) -> Judgement | None:
    """The judgement, None as long as the dry run has no answer."""
    stands = migrations.outcome(dry_run)
    if stands is Outcome.SUCCEEDED:
        verdict = Verdict.LIVE if running else Verdict.STOPPED
        return _judgement(dry_run, verdict)
    if stands is Outcome.REFUSED:
        return _refused(dry_run)
    if stands in (Outcome.CANCELLED, Outcome.FAILED, Outcome.STALLED):
        return _judgement(dry_run, Verdict.NO)
    return None


def unanswered(dry_run: Migration) -> Judgement:
    """The judgement where the answer did not come in time."""
    return _judgement(dry_run, Verdict.UNKNOWN)


def _refused(dry_run: Migration) -> Judgement:
    reason = migrations.reason(dry_run)
    if reason in reasons.TRANSIENT:
        return _judgement(dry_run, Verdict.LATER)
    if reason in ONLY_WHILE_STOPPED:
        return _judgement(dry_run, Verdict.OFFLINE)
    return _judgement(dry_run, Verdict.NO)


def _judgement(dry_run: Migration, verdict: Verdict) -> Judgement:
    reason, stands = migrations.reason(dry_run), migrations.outcome(dry_run)
    entry = reasons.find(reason, MigrationCondition.READY, stands)
    return Judgement(
        machine=dry_run.spec.virtual_machine.name,
        volume=dry_run.spec.volume,
        verdict=verdict,
        reason=reason,
        message=migrations.message(dry_run),
        next_step=entry.next_step if entry is not None and stands is Outcome.REFUSED else "",
    )
