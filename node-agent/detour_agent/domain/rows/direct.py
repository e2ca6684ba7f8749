"""QEMU copies the disk of a running guest, without an overlay: rows M1 to M22, beside the others.

Until the switch the source has every acknowledged write: each goes to both images. The path names
the destination only from the intent ``pivot`` on and while the copy is ready, because QEMU opens
the guest's image by its name when the job ends: that is the switch. Before the job is ended in any
other way, the path is seen to name the source.
"""

from detour_agent.domain.conditions import EARLY, cancel, untouched
from detour_agent.domain.direct_conditions import (
    KNOWN,
    ON_CANCEL,
    ON_CANCELLED,
    ON_DONE,
    ON_MIRROR,
    ON_NONE,
    ON_PIVOT,
    ON_REFUSED,
    covered,
    failed,
    foreign,
    forward,
    idle,
    left,
    on,
    ready,
    sure,
    switches,
    unsure,
    works,
)
from detour_agent.domain.rows import direct_gone
from detour_agent.domain.rows.guards import AGAINST_RECORD, FOREIGN_CHAIN
from detour_agent.domain.situation import Job, Seen, Target, Wanted
from detour_agent.domain.step import Action, Rule, Step, does, either, journals, stops
from detour_crds.attachment_switch import Order, Qemu, Stage, Top


def _released(wanted: Wanted, seen: Seen) -> Step:
    if wanted.reported is Order.DESTINATION:
        return Step("M16", Action.REST)
    return Step("M16", Action.WAIT if seen.source_open else Action.REPORT)


def _rebuilt(wanted: Wanted, seen: Seen) -> Step:
    if seen.top is Top.DESTINATION:
        return Step("M20", Action.REBUILD, stage=Stage.DONE)
    if cancel(wanted):
        return Step("M20", Action.REBUILD, stage=Stage.CANCEL)
    begun = wanted.ever_reported or seen.job is not Job.NONE or covered(seen)
    return Step("M20", Action.REBUILD, stage=Stage.MIRROR if begun else Stage.NONE)


def _against_record(wanted: Wanted, seen: Seen) -> bool:
    if not sure(wanted, seen):
        return False
    if seen.top is Top.DESTINATION:
        return seen.stage not in (Stage.PIVOT, Stage.DONE, Stage.MISSING)
    return seen.stage is Stage.DONE or seen.stage not in KNOWN


RUNNING: tuple[Rule, ...] = (
    Rule("L0", untouched, does("L0", Action.INSPECT)),
    Rule("M20", lambda w, s: sure(w, s) and s.stage is Stage.MISSING, _rebuilt),
    Rule("M1", lambda w, s: ON_NONE(w, s) and not cancel(w), does("M1", Action.BEGIN_MIRROR)),
    Rule("L3", lambda w, s: ON_NONE(w, s) and cancel(w), does("L3", Action.REPORT)),
    Rule(
        "M2",
        lambda w, s: ON_MIRROR(w, s) and not cancel(w) and covered(s),
        does("M2", Action.UNMOUNT),
    ),
    Rule("M3", lambda w, s: idle(w, s) and not s.made, does("M3", Action.MAKE)),
    Rule("M4", lambda w, s: idle(w, s) and s.made and not s.shown, does("M4", Action.SHOW)),
    Rule("M5", lambda w, s: idle(w, s) and s.made and s.shown, does("M5", Action.MIRROR)),
    Rule(
        "M6",
        lambda w, s: failed(w, s) and w.order in EARLY,
        does("M6", Action.REST),
    ),
    Rule(
        "M7",
        lambda w, s: failed(w, s) and w.order is Order.DESTINATION,
        journals("M7", Stage.REFUSED),
    ),
    Rule(
        "M8",
        lambda w, s: works(w, s) and (s.job is not Job.MIRROR_READY or w.order in EARLY),
        either("M8", lambda _w, s: s.job is Job.MIRROR_READY, Action.REST, Action.WAIT),
    ),
    Rule(
        "M8",
        lambda w, s: forward(w, s) and s.job is Job.NONE and s.target is Target.UNKNOWN,
        does("M8", Action.WAIT),
    ),
    Rule(
        "M9",
        lambda w, s: works(w, s) and s.job is Job.MIRROR_READY and w.order is Order.DESTINATION,
        journals("M9", Stage.PIVOT),
    ),
    Rule(
        "M10",
        lambda w, s: switches(w, s) and ready(s) and not covered(s),
        does("M10", Action.OVER_MOUNT),
    ),
    Rule(
        "M11",
        lambda w, s: switches(w, s) and ready(s) and covered(s),
        does("M11", Action.SWAP),
    ),
    Rule(
        "M12",
        lambda w, s: switches(w, s) and s.job is Job.ENDING,
        does("M12", Action.WAIT),
    ),
    Rule(
        "M13",
        lambda w, s: ON_PIVOT(w, s) and (cancel(w) or not (ready(s) or s.job is Job.ENDING)),
        lambda _w, s: (
            Step("M13", Action.UNMOUNT)
            if covered(s)
            else Step("M13", Action.JOURNAL, stage=Stage.MIRROR)
        ),
    ),
    Rule("M14", on(Top.DESTINATION, Stage.PIVOT), journals("M14", Stage.DONE)),
    Rule(
        "M15",
        lambda w, s: ON_DONE(w, s) and left(w, s),
        does("M15", Action.TIDY),
    ),
    Rule(
        "M16",
        lambda w, s: ON_DONE(w, s) and not left(w, s),
        _released,
    ),
    Rule(
        "M17",
        lambda w, s: (ON_MIRROR(w, s) or ON_REFUSED(w, s)) and cancel(w),
        journals("M17", Stage.CANCEL),
    ),
    Rule("L17", lambda w, s: ON_REFUSED(w, s) and not cancel(w), does("L17", Action.REST)),
    Rule(
        "M18",
        lambda w, s: ON_CANCEL(w, s) and covered(s),
        does("M18", Action.UNMOUNT),
    ),
    Rule(
        "M18",
        lambda w, s: ON_CANCEL(w, s) and not covered(s) and s.job is Job.ENDING,
        does("M18", Action.WAIT),
    ),
    Rule(
        "M18",
        lambda w, s: (
            ON_CANCEL(w, s) and not covered(s) and s.job in (Job.MIRROR, Job.MIRROR_READY)
        ),
        does("M18", Action.DROP),
    ),
    Rule(
        "M19",
        lambda w, s: ON_CANCEL(w, s) and not covered(s) and s.job is Job.NONE,
        lambda w, s: (
            Step("M19", Action.TIDY)
            if left(w, s)
            else Step("M19", Action.JOURNAL, stage=Stage.CANCELLED)
        ),
    ),
    Rule(
        "C10",
        lambda w, s: ON_CANCELLED(w, s) and w.reported is not Order.SOURCE,
        does("C10", Action.REPORT),
    ),
    Rule(
        "C11",
        lambda w, s: ON_CANCELLED(w, s) and w.reported is Order.SOURCE,
        does("C11", Action.REST),
    ),
    Rule("X1", _against_record, stops("X1", AGAINST_RECORD)),
    Rule("X3", foreign, stops("X3", FOREIGN_CHAIN)),
)

RULES: tuple[Rule, ...] = (
    Rule("U1", lambda w, s: s.qemu is Qemu.UNKNOWN or unsure(w, s), does("U1", Action.WAIT)),
    *RUNNING,
    *direct_gone.RULES,
    *direct_gone.WAITING,
)
