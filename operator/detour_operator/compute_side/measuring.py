"""Counts what a write of a switch's status has turned: how long merge and switch took, and bytes.

Called once that write has succeeded, as the storage side's ``measuring`` is.
"""

from detour_crds.attachment_switch import AttachmentSwitchStatus, Compute, Order
from detour_crds.conditions import Status, SwitchCondition, find, is_true
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.metrics import families
from detour_operator.metrics.objects import OBJECTS, SwitchSeen
from detour_operator.reconcile.times import seconds_between


def seen(found: FoundSwitch) -> None:
    """Remember a switch as it is stored."""
    stalled = find(found.status.conditions, SwitchCondition.STALLED)
    must_act = stalled is not None and stalled.status is Status.TRUE
    state = SwitchSeen(
        locked=bool(_compute(found.status).locked),
        stalled=stalled.reason if stalled is not None and must_act else "",
    )
    OBJECTS.switch((found.meta.namespace, found.meta.name), state)


def gone(namespace: str, name: str) -> None:
    """There is no such switch any more."""
    OBJECTS.switch((namespace, name), None)


def count(before: FoundSwitch, after: FoundSwitch) -> None:
    """Count what is new in the status of a switch that was written just now."""
    if before.spec.mirror is not None:
        return  # QEMU's copy of the disk, which the migration tells of
    was, now = _compute(before.status), _compute(after.status)
    if (was.order, now.order) == (Order.MIRRORED, Order.DESTINATION):
        _observe(families.MERGE, was.order_time, now.order_time)
    kind = SwitchCondition.SOURCE_RELEASED
    released = find(after.status.conditions, kind)
    if released is None or released.status is not Status.TRUE or now.offline:
        return
    if not is_true(before.status.conditions, kind):
        _observe(families.SWITCH, now.order_time, released.last_transition_time)
        node = after.status.node
        families.MERGED.inc((node.merge.bytes_total if node and node.merge else None) or 0)


def _observe(stage: str, since: str | None, until: str | None) -> None:
    seconds = seconds_between(since, until)
    if seconds is not None:
        families.STAGES.labels(stage).observe(max(0.0, seconds))


def _compute(status: AttachmentSwitchStatus) -> Compute:
    return status.compute or Compute()
