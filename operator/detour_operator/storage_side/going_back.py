"""Back to the source: cancel, deletion, or a copy that failed for good; pure.

The copiers are gone, seen, before the switch is asked for Source: nothing of ours reads or writes
a claim any more when the guest's writes are committed into the source.
"""

from detour_crds.attachment_switch import Position
from detour_crds.conditions import MigrationCondition, Status, SwitchCondition, find
from detour_crds.volume_migration import Phase
from detour_operator.storage_side import discarding, snapshot, starting_again
from detour_operator.storage_side.actions import Action, SetPosition
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    CANCELLED,
    COPY_FAILED,
    GUEST_STOPPED,
    Decision,
    copiers_may_live,
    copy_failure,
    delete_jobs,
    wants_back,
)
from detour_operator.storage_side.observation import Observation, SeenSwitch

SWITCH_DELETED = "SwitchDeleted"
SWITCH_DELETED_MESSAGE = "the AttachmentSwitch was deleted; the disk is on the source claim"
"""Of a switch that is going as of one that is gone: which of the two is seen is chance."""


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step back, with a switch that is there and has not ended."""
    if copiers_may_live(seen):
        message = "waiting for the copier to end"
        return _cancelling(message, seen)
    asked = switch.spec.position is Position.SOURCE or switch.meta.deleting
    # A switch that goes back by itself is not cancelled: what its end is called is its own matter.
    if wants_back(seen) and not asked:
        cancel = SetPosition(switch.meta, Position.SOURCE)
        return Decision(phase=Phase.CANCELLING, actions=(cancel,), after=BUSY_SECONDS)
    return _cancelling("the guest's writes are being taken back into the source", seen)


def without_switch(seen: Observation) -> Decision:
    """A cancel before there was a switch: nothing is to be undone."""
    if seen.jobs or copiers_may_live(seen):
        return _cancelling("waiting for the copier to end", seen)
    return discarding.left(seen, claim=False) or end(seen, CANCELLED, _wish(seen))


def after_switch(seen: Observation, switch: SeenSwitch) -> Decision:
    """The switch has ended on the source, by our wish or by its own."""
    if seen.jobs or copiers_may_live(seen):
        return _cancelling("waiting for the copier to end", seen)
    left = discarding.left(seen, claim=True)
    if left is not None:
        return left
    failure = copy_failure(seen)
    if failure is not None:
        return end(seen, COPY_FAILED, f"the copy failed ({failure[0]}): {failure[1]}")
    told = find(switch.status.conditions, SwitchCondition.READY)
    if told is not None and told.reason == GUEST_STOPPED and starting_again.is_due(seen):
        return starting_again.start_again(seen, switch)
    if told is not None and told.reason != CANCELLED and not seen.spec.cancel:
        return end(seen, told.reason, told.message)
    if switch.meta.deleting and not wants_back(seen):
        return end(seen, SWITCH_DELETED, SWITCH_DELETED_MESSAGE)
    return end(seen, CANCELLED, _wish(seen))


def is_too_late(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether a start arrived after the move had ended without one.

    The write of an operator that lost its lease may be that late; nobody else would undo it.
    """
    told = find(seen.status.conditions, MigrationCondition.SUCCEEDED)
    ended = switch.status.position in (Position.SOURCE, Position.DESTINATION)
    asked = switch.spec.position is Position.SOURCE or switch.meta.deleting
    return told is not None and told.status is Status.FALSE and not ended and not asked


def end(seen: Observation, reason: str, message: str) -> Decision:
    """The move ended without having happened."""
    phase = Phase.CANCELLED if reason in (CANCELLED, GUEST_STOPPED) else Phase.FAILED
    facts = {"completion_time": seen.now}
    after = AT_ONCE if seen.meta.deleting else None
    return Decision(phase=phase, reason=reason, message=message, facts=facts, after=after)


def _cancelling(message: str, seen: Observation) -> Decision:
    actions: tuple[Action, ...] = (*delete_jobs(seen), *snapshot.delete_all(seen))
    return Decision(phase=Phase.CANCELLING, message=message, actions=actions, after=BUSY_SECONDS)


def _wish(seen: Observation) -> str:
    kept = "the disk is on the source claim, with everything the guest wrote"
    if seen.spec.cancel:
        return f"cancelled by spec.cancel: {kept}"
    if seen.meta.deleting:
        return f"cancelled by the deletion of the VolumeMigration: {kept}"
    if seen.namespace_ends:
        return f"cancelled by the deletion of the namespace: {kept}"
    return f"cancelled: {kept}"
