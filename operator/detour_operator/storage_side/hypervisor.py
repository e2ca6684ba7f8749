"""QEMU copies the disk of the running guest, which goes on to write to source and copy; pure.

Nothing is frozen. The switch is told so (``spec.mirror``), and begins once it names the
destination: a claim that may hold something is seen to be empty before that. When the switch says
that both are the same the copy is done, and stays so for as long as the switch waits. A machine
that is stopped is locked, and a Job copies as with HostAssisted.
"""

import dataclasses

from detour_crds.attachment_switch import MirrorSpec, Node, Order
from detour_crds.conditions import SwitchCondition, find
from detour_crds.volume_migration import Copied, CopyMethod, Phase, VolumeMigrationSpec
from detour_operator.reconcile.times import seconds_between
from detour_operator.storage_side import by_storage, copying, emptiness
from detour_operator.storage_side.actions import NameDestination
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    Decision,
    compute_of,
    copiers_may_live,
    copy_gave_up,
    delete_jobs,
    method_of,
)
from detour_operator.storage_side.observation import CopierProgress, Observation, SeenSwitch


def is_chosen(seen: Observation) -> bool:
    """Whether that is the method of the migration."""
    return method_of(seen) is CopyMethod.HYPERVISOR


def mirror(spec: VolumeMigrationSpec) -> MirrorSpec | None:
    """What the switch is told; None where another method was asked for."""
    if spec.copy.method is not CopyMethod.HYPERVISOR:
        return None
    return MirrorSpec(bandwidth_limit=spec.copy.bandwidth_limit)


def is_ready(switch: SeenSwitch) -> bool:
    """Whether the switch is locked for certain, and frozen if the machine is stopped."""
    compute = compute_of(switch)
    frozen = not compute.offline or copying.is_frozen(switch)
    return frozen and bool(compute.locked) and bool(compute.lock_proven)


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step with a switch that is locked and not asked for more."""
    if compute_of(switch).offline:
        return _name(seen, switch) if by_storage.is_late(switch) else copying.decide(seen, switch)
    if copying.is_copied(seen, switch) and not seen.jobs:
        return copying.decide(seen, switch)
    if seen.status.start_time is None:
        return Decision(phase=Phase.COPYING, facts={"start_time": seen.now}, after=AT_ONCE)
    if by_storage.is_late(switch) and emptiness.is_to_be_seen(seen, switch):
        return copying.decide(seen, switch)
    if seen.jobs or copiers_may_live(seen):
        message = "waiting for the pod that saw the destination to end"
        actions = delete_jobs(seen)
        return Decision(phase=Phase.COPYING, message=message, actions=actions, after=BUSY_SECONDS)
    if seen.rivals:
        message = f"the destination claim is used by {', '.join(seen.rivals)} as well"
        return copy_gave_up("DestinationInUse", message)
    if by_storage.is_late(switch):
        return _name(seen, switch)
    return _from_switch(seen, switch)


def _name(seen: Observation, switch: SeenSwitch) -> Decision:
    """Let QEMU, or the Job, have the destination."""
    claim = seen.destination
    if claim is None or claim.deleting:
        return copy_gave_up("DestinationNotFound", "the destination claim is not there any more")
    name = NameDestination(switch.meta, claim.name)
    return Decision(phase=Phase.COPYING, actions=(name,), after=AT_ONCE)


def _from_switch(seen: Observation, switch: SeenSwitch) -> Decision:
    node = _node(switch)
    if node is not None and node.reached is Order.MIRRORED:
        size = node.inspection.virtual_size_bytes if node.inspection else None
        copied = Copied(switch_uid=switch.meta.uid, token=node.token, bytes=size)
        facts = {"copied": copied, "copied_time": seen.now}
        return Decision(phase=Phase.COPYING, facts=facts, after=AT_ONCE)
    told = find(switch.status.conditions, SwitchCondition.READY)
    message = told.message if told else ""
    return Decision(phase=Phase.COPYING, message=message, after=BUSY_SECONDS)


def _node(switch: SeenSwitch) -> Node | None:
    """The node agent's report, if it is of the present attempt."""
    node, token = switch.status.node, compute_of(switch).token
    return node if node is not None and token and node.token == token else None


def with_progress(seen: Observation) -> Observation:
    """The observation with how far QEMU is, in place of a copier's words."""
    node = _node(seen.switch) if seen.switch is not None and is_chosen(seen) else None
    if node is None or node.merge is None or not node.merge.bytes_total:
        return seen
    done, total = node.merge.bytes_done or 0, node.merge.bytes_total
    told = CopierProgress(bytes_done=done, bytes_total=total, bytes_per_second=_rate(seen, done))
    return dataclasses.replace(seen, progress=told)


def _rate(seen: Observation, done: int) -> int:
    """Bytes per second since the last look that saw it get on."""
    before = seen.status.progress
    since = (before.advanced_time if before else None) or seen.status.start_time
    already = (before.bytes_done if before else None) or 0
    seconds = seconds_between(since, seen.now) or 0.0
    if done > already and seconds > 0:
        return round((done - already) / seconds)
    return (before.bytes_per_second if before else None) or 0
