"""Whether the source claim may be deleted after a move; pure.

Only with ``sourceReclaimPolicy: Delete``, and only what carries the compute side's mark: it is put
on the claim once the virtual machine was seen to name the destination and the hypervisor to have
closed the source, and taken off when a newer move makes the claim a destination. Besides, no
virtual machine names the claim and no pod has it (recovery, ordering: no user of S).
"""

from detour_crds.conditions import Condition, MigrationCondition, Status, SwitchCondition, is_true
from detour_crds.volume_migration import SourceReclaimPolicy
from detour_operator.storage_side.actions import DeleteSource
from detour_operator.storage_side.observation import Aftermath, Observation


def is_there(seen: Observation, after: Aftermath) -> bool:
    """Whether the very source is there; a later claim of its name is another one."""
    return after.source is not None and after.source.uid == seen.status.source_claim_uid


def is_stale(seen: Observation, after: Aftermath) -> bool:
    """Whether the source still is a stale image of this disk."""
    disk = f"{seen.spec.virtual_machine.name}/{seen.spec.volume}"
    return (
        is_there(seen, after) and after.source is not None and after.source.superseded_for == disk
    )


def decide(seen: Observation, after: Aftermath) -> tuple[Condition, tuple[DeleteSource, ...]]:
    """The condition SourceDeleted, and the deletion if it is time for it."""
    source, name = after.source, seen.status.source_claim
    if not is_there(seen, after) or source is None:
        return _condition(Status.TRUE, "Deleted", f"the source claim {name} is gone"), ()
    if seen.spec.source_reclaim_policy is not SourceReclaimPolicy.DELETE:
        message = f"the source claim {name} is kept"
        return _condition(Status.UNKNOWN, "NotRequested", message), ()
    why = _waits_for(seen, after)
    if why is not None:
        reason, waits = why
        message = f"the source claim {name} is deleted later: {waits}"
        return _condition(Status.FALSE, reason, message), ()
    message = f"the source claim {name} is being deleted"
    delete = DeleteSource(source.name, source.uid, source.data_volume)
    return _condition(Status.FALSE, "Deleting", message), () if source.deleting else (delete,)


def _waits_for(seen: Observation, after: Aftermath) -> tuple[str, str] | None:
    switch = seen.switch
    if switch is not None and switch.ours:
        told = switch.status.conditions
        handed = is_true(told, SwitchCondition.HANDED_OVER)
        if not handed or not is_true(told, SwitchCondition.SOURCE_RELEASED):
            return "RestartRequired", "the virtual machine must be restarted first"
    if not is_stale(seen, after):
        message = "it does not carry Detour's mark of a stale claim, so somebody may need it"
        return "NotSuperseded", message
    if after.virtual_machine is None:
        name = seen.spec.virtual_machine.name
        return "VirtualMachineNotFound", f"VirtualMachine {name} is not there"
    if after.source_users:
        users = ", ".join(after.source_users)
        return "SourceClaimInUse", f"it is used by {users} until that ends or is restarted"
    return None


def _condition(status: Status, reason: str, message: str) -> Condition:
    kind = MigrationCondition.SOURCE_DELETED
    return Condition(type=kind, status=status, reason=reason, message=message)
