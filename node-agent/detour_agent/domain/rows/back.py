"""A cancel: the overlay is committed back into the source (C1 to C11)."""

from detour_agent.domain.conditions import (
    MIRRORING,
    ON_CANCEL,
    ON_CANCELLABLE,
    ON_COMMITPIVOT,
    SOURCE_BACK,
    SOURCE_CANCELLED,
    cancel,
    cancel_idle,
    heals,
)
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Wanted
from detour_agent.domain.step import Action, Rule, Step, does, either, journals, overlay_is_there
from detour_crds.attachment_switch import Order, Stage


def _commits(_wanted: Wanted, seen: Seen) -> Step:
    return Step("C4", Action.COMMIT if seen.libvirt is Libvirt.AGREES else Action.HEAL)


def _commit_pivots(_wanted: Wanted, seen: Seen) -> Step:
    if seen.job is Job.ENDING:
        return Step("C7", Action.WAIT)
    agrees = seen.libvirt is Libvirt.AGREES
    return Step("C7", Action.COMMIT_PIVOT if agrees else Action.HEAL_COMPLETE)


def _commit_ready(_wanted: Wanted, seen: Seen) -> Step:
    if seen.base_is_source:
        return Step("C6", Action.JOURNAL, stage=Stage.COMMITPIVOT)
    return Step("C6", Action.ABORT)


RULES = (
    Rule(
        "C1",
        lambda w, s: ON_CANCELLABLE(w, s) and cancel(w),
        journals("C1", Stage.CANCEL),
    ),
    Rule(
        "C2",
        lambda w, s: ON_CANCEL(w, s) and s.job in (*MIRRORING, Job.LOST),
        does("C2", Action.ABORT),
    ),
    Rule(
        "C3",
        lambda w, s: ON_CANCEL(w, s) and cancel_idle(s) and s.path is PathImage.DESTINATION,
        does("C3", Action.UNMOUNT),
    ),
    Rule(
        "C4",
        lambda w, s: ON_CANCEL(w, s) and cancel_idle(s) and s.path is PathImage.SOURCE,
        _commits,
    ),
    Rule(
        "C5",
        lambda w, s: ON_CANCEL(w, s) and s.job in (Job.COMMIT, Job.ENDING),
        does("C5", Action.WAIT),
    ),
    Rule("C6", lambda w, s: ON_CANCEL(w, s) and s.job is Job.COMMIT_READY, _commit_ready),
    Rule(
        "C7",
        lambda w, s: (
            ON_COMMITPIVOT(w, s)
            and (s.job is Job.ENDING or (s.job is Job.COMMIT_READY and s.base_is_source))
        ),
        _commit_pivots,
    ),
    Rule(
        "C8",
        lambda w, s: (
            ON_COMMITPIVOT(w, s)
            and not heals(w, s)
            and s.job is not Job.ENDING
            and not (s.job is Job.COMMIT_READY and s.base_is_source)
        ),
        journals("C8", Stage.CANCEL),
    ),
    Rule(
        "C9",
        lambda w, s: SOURCE_BACK(w, s) and not heals(w, s),
        journals("C9", Stage.CANCELLED),
    ),
    Rule(
        "C10",
        lambda w, s: SOURCE_CANCELLED(w, s) and w.reported is not Order.SOURCE,
        does("C10", Action.REPORT),
    ),
    Rule(
        "C11",
        lambda w, s: SOURCE_CANCELLED(w, s) and w.reported is Order.SOURCE,
        either("C11", overlay_is_there, Action.REMOVE_OVERLAY, Action.REST),
    ),
)
