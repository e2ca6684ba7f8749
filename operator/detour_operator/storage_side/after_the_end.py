"""What is left to do for a migration that has ended; pure.

Of a move that succeeded: the source claim is deleted if that was asked for, once it is stale for
certain and nothing uses it; and it is told if the virtual machine, or the manifest it was made
from, names the source again (recovery rule R10; the admission policies refuse it).
"""

from detour_crds.attachment_switch import Position
from detour_crds.conditions import (
    Condition,
    MigrationCondition,
    Status,
    SwitchCondition,
    find,
    is_true,
)
from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.volume_migration import Phase, SourceReclaimPolicy
from detour_operator.storage_side import dry_run, going_back, reclaim
from detour_operator.storage_side.actions import DeleteSwitch, RemoveFinalizer, SetPosition
from detour_operator.storage_side.decision import BUSY_SECONDS, LOOK_SECONDS, MOVED, Decision
from detour_operator.storage_side.observation import (
    Aftermath,
    Observation,
    SeenSwitch,
    SeenVirtualMachine,
)

DRIFT_SECONDS = 600.0
"""Ten thousand migrations of the past then cost some thirty small reads a second."""
NAMED_AGAIN = "SourceNamedAgain"
MANIFEST = "ManifestNamesSource"


def decide(seen: Observation) -> Decision:
    """The next step; the end itself is never another one."""
    switch = _own_switch(seen)
    if switch is not None and switch.spec.dry_run:
        return Decision(phase=None, actions=dry_run.remove(switch), after=BUSY_SECONDS)
    if switch is not None and going_back.is_too_late(seen, switch):
        cancel = SetPosition(switch.meta, Position.SOURCE)
        return Decision(phase=None, actions=(cancel,), after=None)
    if seen.meta.deleting:
        return _let_go(seen, switch)
    if seen.aftermath is None:
        return Decision(phase=None, after=None)
    return _look(seen, seen.aftermath)


def _let_go(seen: Observation, switch: SeenSwitch | None) -> Decision:
    """Once a migration is gone so is its switch: another one of its name finds nothing of it."""
    if MIGRATION_FINALIZER not in seen.meta.finalizers:
        return Decision(phase=None, after=None)
    if switch is None:
        return Decision(phase=None, actions=(RemoveFinalizer(),), after=None)
    actions = () if switch.meta.deleting else (DeleteSwitch(switch.meta),)
    return Decision(phase=None, actions=actions, after=BUSY_SECONDS)


def _look(seen: Observation, after: Aftermath) -> Decision:
    deleted, delete = reclaim.decide(seen, after)
    drift = _drift(seen, after)
    gone = deleted.status is Status.TRUE or not reclaim.is_there(seen, after)
    waits = seen.spec.source_reclaim_policy is SourceReclaimPolicy.DELETE
    return Decision(
        phase=Phase.SUCCEEDED,
        reason=MOVED,
        told=(*drift, deleted),
        actions=delete,
        after=None if gone else LOOK_SECONDS if waits else DRIFT_SECONDS,
    )


def _drift(seen: Observation, after: Aftermath) -> tuple[Condition, ...]:
    machine, volume, old = after.virtual_machine, seen.spec.volume, seen.status.source_claim
    if machine is None or not reclaim.is_stale(seen, after):
        return _drift_ended(seen)
    wanted = f"have it name {seen.status.destination_claim} (docs/gitops.md)"
    if machine.claims.get(volume) == old:
        message = (
            f"VirtualMachine {machine.name} names {old} again, which is stale since the move, and "
            f"cannot be started from it: {wanted}"
        )
        return (
            _told(MigrationCondition.READY, Status.FALSE, NAMED_AGAIN, message),
            _told(MigrationCondition.STALLED, Status.TRUE, NAMED_AGAIN, message),
            _told(MigrationCondition.HANDED_OVER, Status.FALSE, NAMED_AGAIN, message),
        )
    manifest = _stale_manifest(seen, machine)
    if manifest and _handed_over(seen):
        message = (
            f"{manifest}, which is stale since the move; it is refused when it is applied again: "
            f"{wanted}"
        )
        return (_told(MigrationCondition.HANDED_OVER, Status.TRUE, MANIFEST, message),)
    return _drift_ended(seen)


def _stale_manifest(seen: Observation, machine: SeenVirtualMachine) -> str:
    """What says that the manifest names the source, or did when it was applied last."""
    volume, old = seen.spec.volume, seen.status.source_claim
    applied, manager = machine.applied.get(volume), machine.overridden.get(volume)
    if applied == old:
        return f"the manifest of VirtualMachine {machine.name} that was applied last names {old}"
    if manager and applied is None:
        return (
            f"VirtualMachine {machine.name} is applied by {manager}, which has not applied its"
            f" volumes as they are since: as far as can be seen its manifest names {old}"
        )
    return ""


def _own_switch(seen: Observation) -> SeenSwitch | None:
    return seen.switch if seen.switch is not None and seen.switch.ours else None


def _handed_over(seen: Observation) -> bool:
    """Whether the switch has nothing more urgent to say, as that a restart is due."""
    switch = _own_switch(seen)
    return switch is None or is_true(switch.status.conditions, SwitchCondition.HANDED_OVER)


def _drift_ended(seen: Observation) -> tuple[Condition, ...]:
    """What was told stays until something else is: by the switch, while it is there."""
    kind = MigrationCondition.HANDED_OVER
    before = find(seen.status.conditions, kind)
    told = before is not None and before.reason in (NAMED_AGAIN, MANIFEST)
    if not told or _own_switch(seen) is not None:
        return ()
    return (_told(kind, Status.TRUE, "Done", "machine and instance name the destination"),)


def _told(kind: MigrationCondition, status: Status, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)
