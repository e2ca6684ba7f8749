"""A person's answer to a stop: only the images that may be the truth can be chosen."""

import dataclasses

import pytest

from detour_agent.domain.decisions import decide
from detour_agent.domain.situation import Seen, Target, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds import stops
from detour_crds.attachment_switch import Order, Qemu, Stage, Top
from detour_crds.volume_migration import Trust
from unit.agent import situations

SOURCE, OVERLAY, DESTINATION = Trust.SOURCE, Trust.OVERLAY, Trust.DESTINATION
BACK, FORWARD = Order.SOURCE, Order.DESTINATION
DIFFERS = {"equal": False, "target": Target.GOOD, "base": Target.GOOD}
LOST = {"overlay_present": False}
BROKEN = {"target": Target.FAILED}

ANSWERS = [
    ("AmbiguousPivot", Stage.PIVOT, FORWARD, DIFFERS, DESTINATION, Stage.DONE),
    ("AmbiguousPivot", Stage.PIVOT, FORWARD, DIFFERS, OVERLAY, Stage.OFFLINE_FINISH),
    ("AmbiguousPivot, unreadable", Stage.PIVOT, FORWARD, BROKEN, OVERLAY, Stage.REFUSED),
    ("AmbiguousCommit", Stage.COMMITPIVOT, BACK, DIFFERS, SOURCE, Stage.CANCELLED),
    ("AmbiguousCommit", Stage.COMMITPIVOT, BACK, DIFFERS, OVERLAY, Stage.OFFLINE_COMMIT),
    ("DestinationFailed", Stage.OFFLINE_FINISH, FORWARD, BROKEN, OVERLAY, Stage.REFUSED),
    ("OverlayMissing", Stage.OVERLAY, BACK, LOST, SOURCE, Stage.CANCELLED),
    ("OverlayMissing", Stage.MIRROR, FORWARD, LOST, DESTINATION, Stage.DONE),
    ("OverlayMissing", Stage.MIRROR, FORWARD, LOST, SOURCE, Stage.CANCELLED),
    ("JournalMissing", Stage.MISSING, BACK, {}, SOURCE, Stage.CANCELLED),
    ("JournalMissing", Stage.MISSING, BACK, {}, OVERLAY, Stage.OFFLINE_COMMIT),
    ("JournalMissing", Stage.MISSING, FORWARD, {}, DESTINATION, Stage.DONE),
    ("JournalMissing", Stage.MISSING, FORWARD, {}, OVERLAY, Stage.OFFLINE_FINISH),
]


def gone(stage, **facts):
    return Seen(qemu=Qemu.GONE, top=Top.UNKNOWN, stage=stage, **facts)


@pytest.mark.parametrize(("name", "stage", "order", "facts", "trust", "then"), ANSWERS)
def test_an_answer_goes_on_from_the_image_it_names(name, stage, order, facts, trust, then):
    seen = gone(stage, **facts)
    stop = decide(Wanted(order=order, ever_reported=True), seen)
    assert (stop.action, stop.reason) == (Action.STOP, name.split(",")[0])
    action = Action.REBUILD if stage is Stage.MISSING else Action.JOURNAL
    asked = Wanted(order=order, ever_reported=True, trust=trust, answered=stop.reason)
    step = decide(asked, seen)
    assert step == Step("T1", action, stage=then)


UNFIT = [
    (Stage.PIVOT, FORWARD, DIFFERS, SOURCE),
    (Stage.COMMITPIVOT, BACK, DIFFERS, DESTINATION),
    (Stage.OVERLAY, BACK, LOST, OVERLAY),
    (Stage.OVERLAY, BACK, LOST, DESTINATION),
    (Stage.OFFLINE_FINISH, FORWARD, BROKEN, DESTINATION),
]


@pytest.mark.parametrize(("stage", "order", "facts", "trust"), UNFIT)
def test_an_image_that_cannot_be_the_truth_is_no_answer(stage, order, facts, trust):
    seen = gone(stage, **facts)
    without = decide(Wanted(order=order, ever_reported=True), seen)
    asked = Wanted(order=order, ever_reported=True, trust=trust, answered=without.reason)
    assert decide(asked, seen) == without


@pytest.mark.parametrize("answered", [None, *stops.OF_GUEST])
@pytest.mark.parametrize(("name", "stage", "order", "facts", "trust", "then"), ANSWERS)
def test_an_answer_to_another_stop_is_none_to_this_one(
    name, stage, order, facts, trust, then, answered
):
    """Nor is one that was there before any stop and names none."""
    seen = gone(stage, **facts)
    stop = decide(Wanted(order=order, ever_reported=True), seen)
    asked = Wanted(order=order, ever_reported=True, trust=trust, answered=answered)
    assert (decide(asked, seen) == stop) == (answered != stop.reason)


@pytest.mark.parametrize(
    ("top", "stage", "order", "trust", "then"),
    [
        (Top.SOURCE, Stage.MIRROR, Order.MIRRORED, SOURCE, Stage.CANCELLED),
        (Top.DESTINATION, Stage.OVERLAY, Order.OVERLAY, DESTINATION, Stage.DONE),
        (Top.OVERLAY, Stage.CANCELLED, BACK, OVERLAY, Stage.CANCEL),
        (Top.OVERLAY, Stage.DONE, FORWARD, OVERLAY, Stage.OVERLAY),
    ],
)
def test_a_guest_that_runs_is_believed_where_it_writes(top, stage, order, trust, then):
    seen = Seen(top=top, stage=stage)
    asked = Wanted(order=order, trust=trust, answered="ChainAgainstRecord")
    assert decide(asked, seen) == Step("T1", Action.JOURNAL, stage=then)
    elsewhere = dataclasses.replace(asked, answered="JournalMissing")
    assert decide(elsewhere, seen).action is Action.STOP
    others = set(Trust) - {trust}
    for other in others:
        unfit = dataclasses.replace(asked, trust=other)
        assert decide(unfit, seen).action is Action.STOP


@pytest.mark.thorough
@pytest.mark.parametrize("every", [situations.running, situations.stopped])
@pytest.mark.parametrize("trust", Trust)
def test_without_a_stop_an_answer_changes_nothing(every, trust):
    for wanted, seen in every():
        step = decide(wanted, seen)
        if step.action is Action.STOP:
            continue
        for answered in (None, *stops.OF_GUEST):
            asked = Wanted(
                order=wanted.order,
                reported=wanted.reported,
                ever_reported=wanted.ever_reported,
                trust=trust,
                answered=answered,
            )
            assert decide(asked, seen) == step
