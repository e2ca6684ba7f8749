"""Phase, conditions, progress and messages: what people and programs read; pure."""

from detour_crds.conditions import Condition, MigrationCondition, Status, SwitchCondition, find
from detour_crds.volume_migration import Phase, Progress, SourceReclaimPolicy
from detour_operator.storage_side import copying, verification
from detour_operator.storage_side.decision import ALREADY_THERE, Decision
from detour_operator.storage_side.observation import CopierProgress, Observation, SeenSwitch

UNKNOWN_REASON = "NotYetKnown"

MIRRORED = {
    MigrationCondition.LOCKED: SwitchCondition.LOCKED,
    MigrationCondition.SOURCE_FROZEN: SwitchCondition.SOURCE_FROZEN,
    MigrationCondition.SOURCE_RELEASED: SwitchCondition.SOURCE_RELEASED,
    MigrationCondition.HANDED_OVER: SwitchCondition.HANDED_OVER,
}
"""The conditions that are the switch's own, word by word."""

OF_COMPUTE = frozenset(
    {Phase.PREPARING, Phase.FREEZING, Phase.MERGING, Phase.SWITCHING, Phase.CLEANING_UP}
)
"""Phases in which the switch says best what happens."""

FROZEN = frozenset({Phase.COPYING, Phase.HOLDING})
PRESSED = frozenset({"OverlayNearLimit", "OverlayThrottled"})
"""Reasons of ``SourceFrozen`` that people should hear of while it is copied."""

AT_THE_END = {
    Phase.SUCCEEDED: Status.TRUE,
    Phase.CANCELLED: Status.FALSE,
    Phase.FAILED: Status.FALSE,
}

MESSAGES = {
    Phase.PENDING: "the move has not begun",
    Phase.PREPARING: "the destination claim and the switch are being prepared",
    Phase.FREEZING: "the guest's writes are being diverted from the source",
    Phase.COPYING: "the frozen source is being copied",
    Phase.HOLDING: "the copy is done; set spec.hold to false to go on",
    Phase.MERGING: "the overlay is being merged onto the destination",
    Phase.SWITCHING: "the guest is being switched to the destination",
    Phase.CLEANING_UP: "the guest writes to the destination; what helped the move is removed",
    Phase.CANCELLING: "the move is being undone",
    Phase.REFUSED: (
        "the move is refused and nothing was changed, but that the claim of"
        " destination.claimTemplate may be there, empty; the reason says why"
    ),
    Phase.CANCELLED: "the move was undone: the disk is on its source claim",
    Phase.FAILED: "the move failed and was undone: the disk is on its source claim",
}


def conditions(seen: Observation, decision: Decision, phase: Phase) -> tuple[Condition, ...]:
    """All conditions, in the order of the story; without their times."""
    mirrored = tuple(_mirrored(seen, kind, of) for kind, of in MIRRORED.items())
    told = {
        item.type: item
        for item in (
            *_summary(seen, decision, phase),
            _accepted(seen, decision, phase),
            *mirrored,
            _copied(seen, decision, phase),
            _verified(seen, decision, phase),
            _source_deleted(seen),
            *decision.told,
        )
    }
    return tuple(told[kind] for kind in MigrationCondition)


def progress(seen: Observation, decision: Decision) -> Progress | None:
    """How far the copy is; what was said last stays until something newer is."""
    copied = decision.facts.get("copied", seen.status.copied)
    if "copied" in decision.facts and copied is None:
        return None  # the move starts again
    if "empty_claim_uid" in decision.facts:
        return None  # what was looked at is not copied yet
    if copied is not None and copied.bytes:
        done = copied.bytes
        return Progress(
            percent=100,
            bytes_done=done,
            bytes_total=done,
            bytes_verified=done if copied.verified else None,
            eta_seconds=0,
        )
    if seen.progress is None:
        return seen.status.progress
    since = seen.now if copying.has_got_on(seen) else copying.got_on_last(seen)
    return _progress(seen.progress, since)


def message_of(seen: Observation, decision: Decision, phase: Phase) -> str:
    """What happens or what to do, in a sentence."""
    if decision.message:
        return decision.message
    if phase is Phase.SUCCEEDED:
        source, claim = seen.status.source_claim, seen.status.destination_claim
        keep = seen.spec.source_reclaim_policy is SourceReclaimPolicy.RETAIN
        left = "is kept" if keep else "is deleted: SourceDeleted says when"
        return f"the disk is on the claim {claim}; the source claim {source} {left}"
    told = _of_switch(seen, SwitchCondition.READY)
    frozen = _of_switch(seen, SwitchCondition.SOURCE_FROZEN)
    plain = MESSAGES[phase]
    if phase is Phase.COPYING and verification.is_running(seen):
        plain = verification.message(seen)
    if phase in FROZEN and frozen is not None and frozen.reason in PRESSED:
        return f"{plain}; {frozen.message}"
    if phase in OF_COMPUTE and told is not None and told.message:
        return told.message
    return plain


def _summary(seen: Observation, decision: Decision, phase: Phase) -> tuple[Condition, ...]:
    reason, message = decision.reason or str(phase), message_of(seen, decision, phase)
    stalled = _stalled(seen, phase, reason, message)
    if stalled.status is Status.TRUE:
        reason, message = stalled.reason, stalled.message
    end = AT_THE_END.get(phase)
    working = end is None and stalled.status is not Status.TRUE
    return (
        _condition(MigrationCondition.READY, end or Status.FALSE, reason, message),
        _condition(
            MigrationCondition.RECONCILING,
            Status.TRUE if working else Status.FALSE,
            reason,
            message,
        ),
        stalled,
        _condition(MigrationCondition.SUCCEEDED, end or Status.UNKNOWN, reason, message),
    )


def _stalled(seen: Observation, phase: Phase, reason: str, message: str) -> Condition:
    """What has ended without success is stalled too: kstatus waits for it for ever otherwise."""
    kind, told = MigrationCondition.STALLED, _of_switch(seen, SwitchCondition.STALLED)
    if AT_THE_END.get(phase) is Status.FALSE:
        return _condition(kind, Status.TRUE, reason, message)
    if told is not None and told.status is Status.TRUE and phase not in AT_THE_END:
        return _condition(kind, Status.TRUE, told.reason, told.message)
    return _condition(kind, Status.FALSE, "NotStalled", "")


def _accepted(seen: Observation, decision: Decision, phase: Phase) -> Condition:
    kind, told = MigrationCondition.ACCEPTED, _of_switch(seen, SwitchCondition.ACCEPTED)
    if phase is Phase.REFUSED:
        return _condition(kind, Status.FALSE, decision.reason, decision.message)
    if told is not None and told.status is not Status.UNKNOWN:
        return _condition(kind, told.status, told.reason, told.message)
    if decision.reason == ALREADY_THERE:
        return _condition(kind, Status.TRUE, decision.reason, decision.message)
    if phase in AT_THE_END:
        return _before(seen, kind)
    return _unknown(kind, "Checking")


def _mirrored(seen: Observation, kind: MigrationCondition, of: SwitchCondition) -> Condition:
    told = _of_switch(seen, of)
    if told is None:
        return _before(seen, kind)
    return _condition(kind, told.status, told.reason, told.message)


def _copied(seen: Observation, decision: Decision, phase: Phase) -> Condition:
    kind, before = MigrationCondition.COPIED, _before(seen, MigrationCondition.COPIED)
    if decision.copy_failed:
        return _condition(kind, Status.FALSE, decision.reason, decision.message)
    if phase in AT_THE_END or before.status is Status.FALSE:
        return before
    if _is_whole(seen, decision):
        return _condition(kind, Status.TRUE, "Copied", "the destination is a copy of the source")
    if phase is not Phase.COPYING:
        return _unknown(kind, UNKNOWN_REASON)
    return _unknown(kind, verification.VERIFYING if verification.is_running(seen) else "Copying")


def _verified(seen: Observation, decision: Decision, phase: Phase) -> Condition:
    whole = _is_whole(seen, decision)
    return verification.condition(seen, decision, copied=whole, ended=phase in AT_THE_END)


def _is_whole(seen: Observation, decision: Decision) -> bool:
    """Whether the destination is recorded as a copy, now or before."""
    if "copied" in decision.facts:
        return decision.facts["copied"] is not None
    switch = _own_switch(seen)
    return switch is not None and copying.is_copied(seen, switch)


def _source_deleted(seen: Observation) -> Condition:
    kind = MigrationCondition.SOURCE_DELETED
    if seen.spec.source_reclaim_policy is SourceReclaimPolicy.RETAIN:
        return _unknown(kind, "NotRequested")
    return _before(seen, kind)


def _own_switch(seen: Observation) -> SeenSwitch | None:
    return seen.switch if seen.switch is not None and seen.switch.ours else None


def _of_switch(seen: Observation, kind: SwitchCondition) -> Condition | None:
    switch = _own_switch(seen)
    return None if switch is None else find(switch.status.conditions, kind)


def _before(seen: Observation, kind: MigrationCondition) -> Condition:
    return find(seen.status.conditions, kind) or _unknown(kind, UNKNOWN_REASON)


def _unknown(kind: MigrationCondition, reason: str) -> Condition:
    return Condition(type=kind, status=Status.UNKNOWN, reason=reason)


def _condition(kind: MigrationCondition, status: Status, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


def _progress(told: CopierProgress, since: str | None) -> Progress:
    done = min(told.bytes_done, told.bytes_total)
    rate = told.bytes_per_second
    percent = done * 100 // told.bytes_total if told.bytes_total else 0
    return Progress(
        percent=100 if told.verifying else percent,
        bytes_done=told.bytes_total if told.verifying else done,
        bytes_total=told.bytes_total,
        bytes_verified=done if told.verifying else None,
        bytes_per_second=rate,
        eta_seconds=-(-(told.bytes_total - done) // rate) if rate > 0 else None,
        advanced_time=since,
    )
