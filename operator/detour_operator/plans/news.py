"""Which turns of a plan are worth an event; pure."""

import dataclasses
from collections.abc import Iterable

from detour_crds.conditions import Condition, PlanCondition, find, is_true
from detour_crds.ends import CANCELLED
from detour_operator.reconcile.publishing import turned


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """One event."""

    reason: str
    message: str
    warning: bool


def news(before: Iterable[Condition], after: Iterable[Condition]) -> News | None:
    """The event of one change of the conditions: why the plan stands where it stands now."""
    after = tuple(after)
    ready = find(turned(before, after), PlanCondition.READY)
    if ready is None:
        return None
    warning = is_true(after, PlanCondition.STALLED) and ready.reason != CANCELLED
    return News(ready.reason, ready.message, warning)
