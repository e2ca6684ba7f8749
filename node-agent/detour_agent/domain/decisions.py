"""What to do next for one disk: the recovery table as data.

Pure. The first row that matches is taken; the rows exclude one another all the same, so that their
order carries no meaning (a test enumerates the situations). Row names are those of docs/states.md.
Invariants: some known set of images holds every acknowledged write; the source is not written
between start and cancel; a commit starts only with the source at its path; nothing destructive
follows from not knowing.

X1 to X4 are guards: nothing reaches them while the lock holds. H1 to H5 undo a start that libvirt
lost sight of because its daemon died in the middle of the call. A stop may have been answered by a
person (``trusting``). Where QEMU copies the disk without an overlay, the rows are others (M1 to
M22).
"""

from detour_agent.domain import trusting
from detour_agent.domain.rows import back, before, direct, forward, guards, healing, stopped
from detour_agent.domain.situation import Seen, Wanted
from detour_agent.domain.step import Action, Rule, Step

RULES: tuple[Rule, ...] = (
    *before.RULES,
    *guards.RULES,
    *forward.RULES,
    *back.RULES,
    *healing.RULES,
    *stopped.RULES,
    *stopped.WAITING,
)


def decide(
    wanted: Wanted,
    seen: Seen,
    rules: tuple[Rule, ...] = RULES,
    direct_rules: tuple[Rule, ...] = direct.RULES,
) -> Step:
    """Choose the next step; safe to ask again after a crash at any point.

    Raises:
        LookupError: no row matches, which the enumeration in the tests excludes.
    """
    for rule in direct_rules if wanted.direct else rules:
        if rule.matches(wanted, seen):
            step = rule.step(wanted, seen)
            return trusting.answered(wanted, seen, step) if step.action is Action.STOP else step
    raise LookupError(f"no row for {wanted} {seen}")
