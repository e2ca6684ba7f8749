"""What the switch's conditions say about a step. Every type is present from the first visit on."""

import dataclasses

from detour_crds.attachment_switch import (
    Compute,
    Handover,
    Node,
    Order,
    Position,
    Pressure,
    Qemu,
)
from detour_crds.conditions import Condition, Status, SwitchCondition, find
from detour_operator.compute_side import declaring, direct, strategy
from detour_operator.compute_side.cancelling import FAILED
from detour_operator.compute_side.observation import (
    Instance,
    Machine,
    Nothing,
    Observation,
    Proof,
)
from detour_operator.compute_side.start import DRY_RUN_PASSED
from detour_operator.compute_side.step import Step

PRESSED = {
    Pressure.NEAR: (
        "OverlayNearLimit",
        "nothing writes to the source; the overlay is near its limit, at which the switch is"
        " cancelled",
    ),
    Pressure.THROTTLED: (
        "OverlayThrottled",
        "nothing writes to the source; the guest's writes are slowed down, so that the overlay"
        " stays below its limit and the merge gets on",
    ),
    Pressure.REACHED: (
        "OverlayNearLimit",
        "nothing writes to the source; the overlay has reached its limit",
    ),
}
"""The source stays frozen, but for how long?"""


@dataclasses.dataclass(frozen=True, slots=True)
class _After:
    """The switch as it is once the step is recorded."""

    seen: Observation
    step: Step

    @property
    def compute(self) -> Compute:
        return self.step.compute or self.seen.switch.compute

    @property
    def order(self) -> Order:
        return self.compute.order or Order.NONE

    @property
    def position(self) -> Position:
        return self.step.position or self.seen.switch.status.position or Position.NOWHERE

    @property
    def node(self) -> Node | None:
        return self.seen.switch.node

    @property
    def pressure(self) -> Pressure | None:
        return self.node.overlay.pressure if self.node and self.node.overlay else None

    @property
    def ended(self) -> bool:
        at_end = self.position in (Position.SOURCE, Position.DESTINATION)
        return at_end and not self.compute.locked


def conditions(seen: Observation, step: Step) -> tuple[Condition, ...]:
    """All conditions, without times."""
    after = _After(seen, step)
    return (
        _ready(after),
        _reconciling(after),
        _stalled(after),
        _accepted(after),
        _locked(after),
        _source_frozen(after),
        _source_released(after),
        _guest_running(after),
        _handed_over(after),
    )


def _condition(
    kind: SwitchCondition, status: Status | bool, reason: str, message: str = ""
) -> Condition:
    if isinstance(status, bool):
        status = Status.TRUE if status else Status.FALSE
    return Condition(type=kind.value, status=status, reason=reason, message=message)


def _ready(after: _After) -> Condition:
    own = after.compute.handover is Handover.NOT_NEEDED
    well = after.ended and not own and after.step.reason != FAILED
    return _condition(SwitchCondition.READY, well, after.step.reason, after.step.message)


def _reconciling(after: _After) -> Condition:
    if after.ended:
        return _condition(SwitchCondition.RECONCILING, False, "Ended")
    if after.step.stalled:
        return _condition(SwitchCondition.RECONCILING, False, "Stalled")
    return _condition(SwitchCondition.RECONCILING, True, after.step.reason, after.step.message)


def _stalled(after: _After) -> Condition:
    if after.step.stalled:
        return _condition(SwitchCondition.STALLED, True, after.step.reason, after.step.message)
    return _condition(SwitchCondition.STALLED, False, "NotStalled")


def _accepted(after: _After) -> Condition:
    kind = SwitchCondition.ACCEPTED
    if after.step.refused:
        return _condition(kind, False, after.step.reason, after.step.message)
    if after.order is not Order.NONE:
        return _condition(kind, True, "Accepted", "a live move is possible")
    if after.compute.offline:
        return _condition(kind, True, "Accepted", "the virtual machine is stopped and stays so")
    if after.ended:
        before = find(after.seen.switch.status.conditions, kind)
        return before or _condition(kind, Status.UNKNOWN, "NotChecked")
    inspection = after.node.inspection if after.node else None
    if after.seen.switch.spec.dry_run:
        passed = Status.TRUE if after.step.reason == DRY_RUN_PASSED else Status.UNKNOWN
        return _condition(kind, passed, after.step.reason, after.step.message)
    if inspection is not None and inspection.reason == "Accepted":
        return _condition(kind, True, "Accepted", "a live move is possible")
    return _condition(kind, Status.UNKNOWN, after.step.reason, after.step.message)


def _locked(after: _After) -> Condition:
    kind, proof = SwitchCondition.LOCKED, after.seen.proof
    if not after.compute.locked:
        return _condition(kind, False, "NotLocked")
    if isinstance(proof, Proof) and not proof.bites:
        return _condition(kind, False, proof.reason, proof.message)
    if after.compute.lock_proven:
        return _condition(kind, True, "Locked", "what it must refuse was tried and refused")
    return _condition(kind, Status.UNKNOWN, "NotProven", "the lock is on and not proven yet")


def _source_frozen(after: _After) -> Condition:
    kind = SwitchCondition.SOURCE_FROZEN
    if after.order is Order.SOURCE or after.position is Position.SOURCE:
        return _condition(kind, False, "Cancelled", "the guest writes to the source")
    started = after.compute.offline and isinstance(after.seen.instance, Instance)
    if started and after.position is Position.FROZEN:
        return _condition(kind, False, "Started", "the virtual machine was started on the source")
    if after.position is Position.FROZEN and after.pressure in PRESSED:
        return _condition(kind, True, *PRESSED[after.pressure])
    if after.position in (Position.FROZEN, Position.DESTINATION):
        return _condition(kind, True, "Frozen", "nothing writes to the source")
    if direct.is_asked(after.seen):
        message = "nothing is frozen: QEMU copies the disk while the guest writes to both images"
        return _condition(kind, False, "NoOverlay", message)
    return _condition(kind, False, "NotFrozen", "the guest writes to the source, or is about to")


def _source_released(after: _After) -> Condition:
    kind = SwitchCondition.SOURCE_RELEASED
    reached = after.node is not None and after.node.reached is Order.DESTINATION
    if after.position is Position.DESTINATION or (after.order is Order.DESTINATION and reached):
        return _condition(kind, True, "Released", "the hypervisor has closed the source")
    return _condition(kind, False, "NotReleased")


def _guest_running(after: _After) -> Condition:
    kind, node = SwitchCondition.GUEST_RUNNING, after.node
    if after.compute.offline:
        return _condition(kind, False, "Stopped")
    if node is None or node.qemu is None or node.qemu is Qemu.UNKNOWN:
        return _condition(kind, Status.UNKNOWN, "NotReported")
    return _condition(kind, node.qemu is Qemu.RUNNING, f"Qemu{node.qemu}")


def _handed_over(after: _After) -> Condition:
    kind, handover = SwitchCondition.HANDED_OVER, after.compute.handover
    if after.step.reason == declaring.REASON:
        return _condition(kind, False, declaring.REASON, after.step.message)
    if handover is Handover.NOT_PERMITTED:
        if after.ended and after.position is Position.DESTINATION:
            return _condition(kind, True, "Restarted", "the machine was restarted since")
        at_end = after.position is Position.DESTINATION
        reason = "RestartRequired" if at_end else "NotPermitted"
        message = "the instance names the source until the virtual machine is restarted"
        return _condition(kind, False, reason, message)
    if handover is Handover.DONE:
        return _done(after)
    return _declared_in_git(after) or _condition(kind, False, str(handover or Handover.PENDING))


def _done(after: _After) -> Condition:
    """With what the strategy, which the handover sets, has KubeVirt leave undone.

    (Its ``pkg/storage/hotplug/hotplug.go``, ``HandleDeclarativeVolumes``.) An ended switch looks
    at the machine no more: it keeps what was told.
    """
    seen, kind = after.seen, SwitchCondition.HANDED_OVER
    before = find(seen.switch.status.conditions, kind)
    if seen.switch.ended and before is not None and before.reason == "Done":
        return before
    message = "machine and instance name the destination"
    if isinstance(seen.machine, Machine) and seen.machine.strategy == strategy.MIGRATION:
        message += (
            f"; until updateVolumesStrategy is taken out of VirtualMachine {seen.machine.name},"
            " after its next restart, volumes can neither be hotplugged nor unplugged"
        )
    return _condition(kind, True, "Done", message)


def _declared_in_git(after: _After) -> Condition | None:
    """The warning to whoever keeps the manifest elsewhere, for as long as it can be heeded."""
    seen, kind = after.seen, SwitchCondition.HANDED_OVER
    ahead = after.compute.handover in (Handover.PENDING, Handover.INSTANCE)
    if not ahead or after.order is Order.SOURCE or after.ended or declaring.is_asked(seen):
        return None
    if seen.machine is Nothing.UNKNOWN:
        before = find(seen.switch.status.conditions, kind)
        return before if before and before.reason == declaring.IN_GIT else None
    if not isinstance(seen.machine, Machine) or not seen.machine.declared_by:
        return None
    return _condition(kind, False, declaring.IN_GIT, declaring.warning(seen, seen.machine))
