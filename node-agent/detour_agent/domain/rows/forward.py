"""From the source over the overlay to the destination (L0 to L21)."""

from detour_agent.domain.conditions import (
    EARLY,
    ON_DONE,
    ON_MIRROR,
    ON_OVERLAY,
    ON_PIVOT,
    ON_REFUSED,
    ON_START,
    SOURCE_NONE,
    SOURCE_START,
    cancel,
    copy_failed,
    copy_ready,
    on,
    untouched,
)
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Wanted
from detour_agent.domain.step import Action, Rule, Step, does, either, journals, overlay_is_there
from detour_crds.attachment_switch import Order, Stage, Top


def _starts(_wanted: Wanted, seen: Seen) -> Step:
    if seen.tries_left:
        return Step("L2", Action.START)
    return Step("L2", Action.STOP, reason="StartFailed")


def _copies(_wanted: Wanted, seen: Seen) -> Step:
    if seen.libvirt is Libvirt.STALE:
        return Step("L9", Action.STOP, reason="LibvirtStale")
    return Step("L9", Action.COPY)


def _overlay_taken(_wanted: Wanted, seen: Seen) -> Step:
    if seen.libvirt is Libvirt.SETTLING or seen.source_writable:
        return Step("L5", Action.WAIT)
    return Step("L5", Action.JOURNAL, stage=Stage.OVERLAY)


def _released(_wanted: Wanted, seen: Seen) -> Step:
    return Step("L19", Action.RELEASE if seen.source_open else Action.REPORT)


RULES = (
    Rule("L0", untouched, does("L0", Action.INSPECT)),
    Rule(
        "L1",
        lambda w, s: SOURCE_NONE(w, s) and w.order is Order.OVERLAY,
        does("L1", Action.BEGIN),
    ),
    Rule("L2", lambda w, s: SOURCE_START(w, s) and w.order is Order.OVERLAY, _starts),
    Rule("L3", lambda w, s: SOURCE_NONE(w, s) and cancel(w), does("L3", Action.REPORT)),
    Rule("L4", lambda w, s: SOURCE_START(w, s) and cancel(w), does("L4", Action.DISCARD)),
    Rule(
        "L5",
        lambda w, s: ON_START(w, s) and not cancel(w) and s.libvirt is not Libvirt.STALE,
        _overlay_taken,
    ),
    Rule(
        "L6",
        lambda w, s: ON_OVERLAY(w, s) and w.order in (Order.NONE, Order.OVERLAY),
        does("L6", Action.REPORT),
    ),
    Rule(
        "L7",
        lambda w, s: ON_OVERLAY(w, s) and w.order in (Order.MIRRORED, Order.DESTINATION),
        journals("L7", Stage.MIRROR),
    ),
    Rule(
        "L8",
        lambda w, s: copy_ready(w, s, PathImage.SOURCE),
        does("L8", Action.OVER_MOUNT),
    ),
    Rule("L9", lambda w, s: copy_ready(w, s, PathImage.DESTINATION), _copies),
    Rule(
        "L10",
        lambda w, s: copy_failed(w, s) and w.order in EARLY,
        does("L10", Action.REST),
    ),
    Rule(
        "L11",
        lambda w, s: copy_failed(w, s) and w.order is Order.DESTINATION,
        journals("L11", Stage.REFUSED),
    ),
    Rule(
        "L12",
        lambda w, s: ON_MIRROR(w, s) and not cancel(w) and s.job in (Job.MIRROR, Job.ENDING),
        does("L12", Action.WAIT),
    ),
    Rule(
        "L13",
        lambda w, s: ON_MIRROR(w, s) and s.job is Job.MIRROR_READY and w.order in EARLY,
        does("L13", Action.WAIT),
    ),
    Rule(
        "L14",
        lambda w, s: (
            ON_MIRROR(w, s) and s.job is Job.MIRROR_READY and w.order is Order.DESTINATION
        ),
        journals("L14", Stage.PIVOT),
    ),
    Rule(
        "L15",
        lambda w, s: ON_PIVOT(w, s) and not cancel(w) and s.job in (Job.MIRROR_READY, Job.ENDING),
        either("L15", lambda _w, s: s.job is Job.ENDING, Action.WAIT, Action.PIVOT),
    ),
    Rule(
        "L16",
        lambda w, s: ON_PIVOT(w, s) and (cancel(w) or s.job in (Job.NONE, Job.MIRROR, Job.LOST)),
        journals("L16", Stage.MIRROR),
    ),
    Rule(
        "L17",
        lambda w, s: ON_REFUSED(w, s) and not cancel(w),
        does("L17", Action.REST),
    ),
    Rule("L18", on(Top.DESTINATION, Stage.PIVOT), journals("L18", Stage.DONE)),
    Rule(
        "L19",
        lambda w, s: ON_DONE(w, s) and w.reported is not Order.DESTINATION,
        _released,
    ),
    Rule(
        "L20",
        lambda w, s: ON_DONE(w, s) and w.reported is Order.DESTINATION,
        either("L20", overlay_is_there, Action.REMOVE_OVERLAY, Action.REST),
    ),
    Rule(
        "L21",
        lambda w, s: ON_MIRROR(w, s) and not cancel(w) and s.job is Job.LOST,
        does("L21", Action.ABORT),
    ),
)
