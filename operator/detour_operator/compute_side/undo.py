"""What is put back by a cancel, and by a start that is refused half-way."""

from detour_crds.attachment_switch import Position
from detour_operator.compute_side import beside, budget, overlay_claim, stopped, strategy
from detour_operator.compute_side.fence import close_fence
from detour_operator.compute_side.holding import let_go
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.refusal import Refusal
from detour_operator.compute_side.step import Step, record


def half_way(seen: Observation) -> Refusal | None:
    """A start that was given up before the order Overlay is undone to its end, come what may.

    Else another operator, late with putting the strategy back, would do it after that order.
    """
    compute = seen.switch.compute
    if compute.strategy_before is None or compute.lock_proven:
        return None
    return Refusal("Preparing", "an earlier try is being undone before the next one")


def before_any_order(seen: Observation, refusal: Refusal) -> Step | None:
    """The next step back to an untouched virtual machine; None once there.

    The proof of the lock is taken back first (as in recovery rule R4): the write changes the
    switch, so an order Overlay that another operator is about to give meets a conflict.
    """
    compute = seen.switch.compute
    if compute.lock_proven:
        return record(seen, refusal.reason, refusal.message, lock_proven=False)
    step = close_fence(seen) or put_back(seen)
    if step is not None:
        return step
    if compute.locked or compute.strategy_before is not None:
        return unlock(seen, refusal.reason, refusal.message)
    return None


def put_back(seen: Observation) -> Step | None:
    """Strategy as it was, pods and the overlay's claim let go; None once all are seen."""
    return (
        strategy.put_back(seen)
        or overlay_claim.take_down(seen)
        or let_go(seen)
        or stopped.let_go(seen)
    )


def unlock(seen: Observation, reason: str, message: str, position: Position | None = None) -> Step:
    """Take the lock off, and the budget before: drains would wait for ever.

    ``strategy_before`` has served, and another attempt notes it anew.
    """
    return budget.take_down(seen) or record(
        seen,
        reason,
        beside.told(seen, message),
        position=position,
        locked=False,
        lock_proven=False,
        strategy_before=None,
    )
