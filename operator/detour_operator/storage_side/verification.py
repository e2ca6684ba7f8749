"""Whether source and destination are compared, and what is told of it; pure.

The copy Job does that, as its last act, whatever the method: where somebody else copies a Job is
made for it alone. It is complete only once it has compared everything, so that what a crash cut
short is done anew. ``status.copied`` says durably that it was done, under which switch and token.
"""

from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.volume_migration import Verify
from detour_operator.storage_side.decision import Decision
from detour_operator.storage_side.observation import Observation

FAILED = "VerificationFailed"
"""The copier's word. The move is cancelled, with Auto too: if the next method made an equal copy,
that would hide that the storage, or the freeze, does not keep its word."""
VERIFYING = "Verifying"
AT_ONCE_BYTES = 16 << 20
"""``qemu-img`` has eight requests of 2 MiB under way, of which nothing is told yet."""
STEPS = 100
"""``qemu-img`` tells of every hundredth."""


def is_asked(seen: Observation) -> bool:
    """Whether nothing counts as copied before it was compared."""
    return seen.spec.copy.verify is not Verify.NONE


def is_running(seen: Observation) -> bool:
    """Whether the copier compares, by its last word.

    That word is not read in every pass: what was told of it holds for as long as the copier lives.
    """
    if not is_asked(seen):
        return False
    if seen.progress is not None:
        return seen.progress.verifying
    told = find(seen.status.conditions, MigrationCondition.VERIFIED)
    alive = any(not copier.ended for copier in seen.copiers)
    return alive and told is not None and told.reason == VERIFYING


def ends_it(seen: Observation, reason: str) -> bool:
    """Whether no other method is to take over from a Job that failed for that reason.

    A Job whose copiers are gone with their words may have found a difference as well.
    """
    heard = any(copier.result_reason for copier in seen.copiers)
    return reason == FAILED or (is_asked(seen) and not heard)


def message(seen: Observation) -> str:
    """How far it is, for people."""
    told = seen.progress
    if told is None or not told.bytes_total:
        before = find(seen.status.conditions, MigrationCondition.VERIFIED)
        return before.message if before else ""
    percent = told.bytes_done * 100 // told.bytes_total
    return f"the destination is being compared with the source: {percent} percent"


def condition(seen: Observation, decision: Decision, *, copied: bool, ended: bool) -> Condition:
    """What ``Verified`` says.

    Args:
        seen: what is seen.
        decision: what follows from it.
        copied: the destination is whole: compared, if that was asked for.
        ended: the migration has ended.
    """
    before = find(seen.status.conditions, MigrationCondition.VERIFIED)
    if not is_asked(seen):
        return _verified(Status.UNKNOWN, "NotRequested")
    if decision.copy_failed and decision.reason == FAILED:
        return _verified(Status.FALSE, FAILED, decision.message)
    if before is not None and (ended or before.status is Status.FALSE):
        return before
    if copied:
        return _verified(Status.TRUE, "Verified", "the destination was compared with the source")
    if is_running(seen):
        return _verified(Status.UNKNOWN, VERIFYING, message(seen))
    return _verified(Status.UNKNOWN, "NotYetKnown")


def seconds_for_a_step(seen: Observation, limit: int | None) -> float:
    """How long a copier that obeys its limit may need before it says that it is further."""
    if limit is None:
        return 0.0
    before = seen.status.progress
    told = seen.progress.bytes_total if seen.progress else None
    total = told or (before.bytes_total if before else None) or 0
    return 2 * (total / STEPS + AT_ONCE_BYTES) / limit


def _verified(status: Status, reason: str, text: str = "") -> Condition:
    kind = MigrationCondition.VERIFIED
    return Condition(type=kind, status=status, reason=reason, message=text)
