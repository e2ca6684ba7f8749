"""From nothing to the order Overlay (row L0); until then nothing of the guest is touched."""

from detour_crds.attachment_switch import Node, Order
from detour_operator.compute_side import (
    attempt,
    direct,
    offline,
    overlay_claim,
    preflight,
    rivals,
    strategy,
    superseded,
    undo,
)
from detour_operator.compute_side.budget import put_up
from detour_operator.compute_side.fence import open_fence
from detour_operator.compute_side.holding import hold
from detour_operator.compute_side.lock import put_on
from detour_operator.compute_side.observation import Instance, Observation
from detour_operator.compute_side.refusal import Refusal
from detour_operator.compute_side.step import (
    REFUSED_SECONDS,
    Step,
    record,
    ref,
    wait,
    wait_for_agent,
)

ACCEPTED = "Accepted"
DRY_RUN_PASSED = "DryRunPassed"


def start(seen: Observation) -> Step:
    """The next step towards the order Overlay; each needs what the one before it left behind."""
    refusal = preflight.refusal(seen) or undo.half_way(seen)
    if refusal is not None:
        return _step_back(seen, refusal)
    if not attempt.is_current(seen):
        return _prepare(seen)
    if not isinstance(seen.instance, Instance):
        return _only_looked(seen) or _name_destination(seen) or offline.start(seen)
    refusal = _verdict(seen.switch.node)
    if refusal is not None:
        return _step_back(seen, refusal)
    return (
        _inspect(seen)
        or _only_looked(seen)
        or put_on(seen)
        or put_up(seen)
        or overlay_claim.put_up(seen)
        or strategy.take_off(seen)
        or open_fence(seen)
        or _name_destination(seen)
        or superseded.unmark_destination(seen)
        or hold(seen)
        or _order(seen)
    )


def _order(seen: Observation) -> Step:
    if direct.is_asked(seen):
        return direct.order(seen)
    message = "the guest's writes are being diverted to an overlay"
    return record(seen, "Diverting", message, order=Order.OVERLAY)


def _step_back(seen: Observation, refusal: Refusal) -> Step:
    """Undo what a start that is refused now has done; the node agent was asked for nothing yet."""
    busy = refusal.reason == preflight.BUSY and not rivals.must_step_back(seen)
    if busy and seen.switch.compute.locked:
        return wait(refusal.reason, refusal.message)
    return undo.before_any_order(seen, refusal) or Step(
        reason=refusal.reason, message=refusal.message, refused=True, after=REFUSED_SECONDS
    )


def _prepare(seen: Observation) -> Step:
    compute = attempt.next_attempt(seen)
    where = f" on {compute.node}" if compute.node else ""
    message = f"the disk is to be looked at{where}"
    return Step(reason="Inspecting", message=message, compute=compute)


def _verdict(node: Node | None) -> Refusal | None:
    inspection = node.inspection if node else None
    if inspection is None or not inspection.reason or inspection.reason == ACCEPTED:
        return None
    return Refusal(inspection.reason, inspection.message or "the node agent refuses the disk")


def _inspect(seen: Observation) -> Step | None:
    node = seen.switch.node
    if node and node.inspection and node.inspection.reason == ACCEPTED:
        return None
    where = seen.switch.compute.node
    message = f"waiting for the node agent of {where} to inspect the disk"
    return wait_for_agent(seen, "Inspecting", message)


def _only_looked(seen: Observation) -> Step | None:
    """The end of a dry run: all checks have passed, in this very pass, and nothing follows."""
    if not seen.switch.spec.dry_run:
        return None
    message = "a dry run: all checks passed, and nothing was changed"
    return wait(DRY_RUN_PASSED, message, after=REFUSED_SECONDS)


def _name_destination(seen: Observation) -> Step | None:
    found = ref(seen.destination_claim)
    if found is None or found == seen.switch.compute.destination_claim:
        return None
    return record(seen, "Preparing", "noting the destination", destination_claim=found)
