"""Recovery rule R12: per virtual machine only one switch is between its start and its end.

Each switch first locks, durably, and looks at the others after that. Of two that locked at once
both see the other: the later one steps back, the earlier one waits until it has. So at most one
passes, however many operators act. Before anything is locked the earlier one goes first, unless it
is refused.
"""

from detour_operator.compute_side.observation import Observation, Rival


def in_the_way(seen: Observation) -> Rival | None:
    """The switch that must end, or step back, before this one may start."""
    if not isinstance(seen.rivals, tuple):
        return None
    for rival in seen.rivals:
        if rival.ordered or rival.locked:
            return rival
        earlier_and_able = _earlier(rival, seen) and not rival.refused
        if earlier_and_able and not seen.switch.compute.locked:
            return rival
    return None


def must_step_back(seen: Observation) -> bool:
    """Whether this switch, locked and without an order, is the one that has to give way."""
    if not isinstance(seen.rivals, tuple):
        return False
    return any(rival.ordered or (rival.locked and _earlier(rival, seen)) for rival in seen.rivals)


def _earlier(rival: Rival, seen: Observation) -> bool:
    return (rival.created, rival.uid) < (seen.switch.created, seen.switch.uid)
