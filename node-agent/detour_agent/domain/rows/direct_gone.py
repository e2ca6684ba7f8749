"""A guest that is gone, of a disk that QEMU copied: M21 and M22, beside the others.

Until the intent ``pivot`` the source has everything. From then on source and destination have, or
one of them has later writes than the other: then a person decides.
"""

from detour_agent.domain.conditions import cancel, gone
from detour_agent.domain.situation import Seen, Target, Wanted
from detour_agent.domain.step import Action, Rule, Step, does, either, journals, stops
from detour_crds.attachment_switch import Order, Qemu, Stage

WHOLE_SOURCE = (Stage.MIRROR, Stage.REFUSED, Stage.CANCEL)
"""Stages in which the source has everything, whatever became of QEMU."""


def _lost_journal(wanted: Wanted, seen: Seen) -> bool:
    return gone(seen, Stage.MISSING) and wanted.ever_reported


def _never_begun(wanted: Wanted, seen: Seen) -> bool:
    missing = seen.stage is Stage.MISSING and not wanted.ever_reported
    return seen.qemu is Qemu.GONE and cancel(wanted) and (seen.stage is Stage.NONE or missing)


def _ambiguous(wanted: Wanted, seen: Seen) -> bool:
    differs = seen.target is Target.FAILED or seen.equal is False or cancel(wanted)
    return (
        gone(seen, Stage.PIVOT) and wanted.order in (Order.DESTINATION, Order.SOURCE) and differs
    )


def _compares(wanted: Wanted, seen: Seen) -> bool:
    at_pivot = gone(seen, Stage.PIVOT) and wanted.order is Order.DESTINATION
    return at_pivot and seen.target is Target.GOOD and seen.equal is not False


def _compared(_wanted: Wanted, seen: Seen) -> Step:
    if seen.equal is None:
        return Step("M22", Action.COMPARE)
    return Step("M22", Action.JOURNAL, stage=Stage.DONE)


RULES: tuple[Rule, ...] = (
    Rule("D2", _lost_journal, stops("D2", "JournalMissing")),
    Rule(
        "D3",
        lambda w, s: _never_begun(w, s) or gone(s, Stage.CANCELLED),
        either("D3", lambda w, _s: w.reported is Order.SOURCE, Action.REST, Action.REPORT),
    ),
    Rule(
        "D9",
        lambda _w, s: gone(s, Stage.DONE),
        either("D9", lambda w, _s: w.reported is Order.DESTINATION, Action.REST, Action.REPORT),
    ),
    Rule(
        "M21",
        lambda w, s: gone(s, *WHOLE_SOURCE) and cancel(w),
        journals("M21", Stage.CANCELLED),
    ),
    Rule(
        "M21",
        lambda w, s: gone(s, Stage.MIRROR) and w.order is Order.DESTINATION,
        journals("M21", Stage.REFUSED),
    ),
    Rule("M22", _compares, _compared),
    Rule("M22", _ambiguous, stops("M22", "AmbiguousPivot")),
)


def _waits(wanted: Wanted, seen: Seen) -> bool:
    return seen.qemu is Qemu.GONE and not any(rule.matches(wanted, seen) for rule in RULES)


WAITING: tuple[Rule, ...] = (Rule("U4", _waits, does("U4", Action.REST)),)
