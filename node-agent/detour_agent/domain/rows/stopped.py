"""A guest that is gone, with the overlay between source and destination (U4, U5, D2 to D16).

The order says which way. Nothing is merged before the finisher holds the claims, and what was
merged is compared before it counts: an intent of a pivot names two candidates (rule R2).
"""

from detour_agent.domain.conditions import cancel, gone, nothing_begun, overlay_missing
from detour_agent.domain.situation import Seen, Target, Wanted
from detour_agent.domain.step import Action, Choice, Rule, Step, does, journals, stops
from detour_crds.attachment_switch import Order, Qemu, Stage

ON_OVERLAY = (Stage.START, Stage.OVERLAY, Stage.MIRROR, Stage.REFUSED)
FORWARD = (Stage.OVERLAY, Stage.MIRROR)
BACK = (Stage.OFFLINE_COMMIT, Stage.CANCEL)


def _forward(wanted: Wanted, seen: Seen, *stages: Stage) -> bool:
    return wanted.order is Order.DESTINATION and _kept(seen, *stages)


def _back(wanted: Wanted, seen: Seen, *stages: Stage) -> bool:
    return cancel(wanted) and _kept(seen, *stages)


def _kept(seen: Seen, *stages: Stage) -> bool:
    return gone(seen, *stages) and not overlay_missing(seen)


def _journal_missing(wanted: Wanted, seen: Seen) -> bool:
    return gone(seen, Stage.MISSING) and not nothing_begun(wanted, seen)


def _never_diverted(wanted: Wanted, seen: Seen) -> bool:
    return _back(wanted, seen, Stage.START) and not seen.overlay_handed


def _commits_back(wanted: Wanted, seen: Seen, base: Target) -> bool:
    diverted = not _never_diverted(wanted, seen)
    return diverted and _back(wanted, seen, *ON_OVERLAY) and seen.base is base


def _settled(row: str, stage: Stage) -> Choice:
    """Compare first; take the stage only where they are equal (rule R2)."""

    def choose(_wanted: Wanted, seen: Seen) -> Step:
        if seen.equal is None:
            return Step(row, Action.COMPARE)
        return Step(row, Action.JOURNAL, stage=stage)

    return choose


def _merged(row: str, stage: Stage) -> Choice:
    """Merge until they are equal; a merge that was cut off is repeated."""

    def choose(_wanted: Wanted, seen: Seen) -> Step:
        if seen.equal is None:
            return Step(row, Action.COMPARE)
        if not seen.equal:
            return Step(row, Action.MERGE)
        return Step(row, Action.JOURNAL, stage=stage)

    return choose


def _differs(target: Target, seen: Seen) -> bool:
    return target is Target.FAILED or (target is Target.GOOD and seen.equal is False)


def _may_be_equal(target: Target, seen: Seen) -> bool:
    return target is Target.GOOD and seen.equal is not False


RULES = (
    Rule("U5", lambda _w, s: _lost(s), stops("U5", "OverlayMissing")),
    Rule("D2", _journal_missing, stops("D2", "JournalMissing")),
    Rule(
        "D3",
        lambda w, s: _unbegun(w, s) and w.reported is not Order.SOURCE,
        does("D3", Action.REPORT),
    ),
    Rule(
        "D3",
        lambda w, s: _unbegun(w, s) and w.reported is Order.SOURCE,
        does("D3", Action.REST),
    ),
    Rule(
        "D4",
        lambda w, s: _forward(w, s, Stage.PIVOT) and _may_be_equal(s.target, s),
        _settled("D4", Stage.DONE),
    ),
    Rule(
        "D5",
        lambda w, s: _forward(w, s, Stage.PIVOT) and _differs(s.target, s),
        stops("D5", "AmbiguousPivot"),
    ),
    Rule(
        "D6",
        lambda w, s: _back(w, s, Stage.COMMITPIVOT) and _may_be_equal(s.base, s),
        _settled("D6", Stage.CANCELLED),
    ),
    Rule(
        "D7",
        lambda w, s: _back(w, s, Stage.COMMITPIVOT) and _differs(s.base, s),
        stops("D7", "AmbiguousCommit"),
    ),
    Rule(
        "D10",
        lambda w, s: _forward(w, s, Stage.OFFLINE_FINISH) and s.target is Target.FAILED,
        stops("D10", "DestinationFailed"),
    ),
    Rule(
        "D11",
        lambda w, s: _forward(w, s, Stage.OFFLINE_FINISH) and s.target is Target.GOOD,
        _merged("D11", Stage.DONE),
    ),
    Rule(
        "D12",
        lambda w, s: _back(w, s, *BACK) and s.base is Target.GOOD,
        _merged("D12", Stage.CANCELLED),
    ),
    Rule(
        "D12",
        lambda w, s: (
            (_back(w, s, *BACK) and s.base is Target.FAILED) or _commits_back(w, s, Target.FAILED)
        ),
        stops("D12", "SourceFailed"),
    ),
    Rule("D13", _never_diverted, journals("D13", Stage.CANCELLED)),
    Rule(
        "D13",
        lambda w, s: _commits_back(w, s, Target.GOOD),
        journals("D13", Stage.OFFLINE_COMMIT),
    ),
    Rule(
        "D14",
        lambda w, s: _forward(w, s, *FORWARD) and s.target is Target.GOOD,
        journals("D14", Stage.OFFLINE_FINISH),
    ),
    Rule(
        "D14",
        lambda w, s: _forward(w, s, *FORWARD) and s.target is Target.FAILED,
        journals("D14", Stage.REFUSED),
    ),
)


def _lost(seen: Seen) -> bool:
    return seen.qemu is Qemu.GONE and overlay_missing(seen)


def _unbegun(wanted: Wanted, seen: Seen) -> bool:
    return seen.qemu is Qemu.GONE and cancel(wanted) and nothing_begun(wanted, seen)


def waits(wanted: Wanted, seen: Seen) -> bool:
    """Row U4: for an order, for the instance's end, for the finisher."""
    over = gone(seen, Stage.DONE, Stage.CANCELLED)
    rules = any(rule.matches(wanted, seen) for rule in RULES)
    return seen.qemu is Qemu.GONE and not over and not rules


WAITING = (Rule("U4", waits, does("U4", Action.REST)),)
