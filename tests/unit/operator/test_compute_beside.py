"""The overlay's folder on the source's own volume: removed while one can, and told of if not."""

import dataclasses

import pytest

from detour_crds.attachment_switch import (
    Handover,
    LastError,
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
)
from detour_crds.conditions import SwitchCondition, find
from detour_crds.volume_migration import OverlayPlace, OverlaySpec
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Claim, Nothing, Pod
from unit.operator.compute_switches import MARKED, SWITCH, seen

FOLDER = f".detour-{SWITCH.uid}-1"
OVERLAY = OverlayFile(name="o", bytes=4096)
FINISHER = Pod(name="f", uid="f-uid", node="n", pinned="n", claims=("old",))
UNREACHABLE = LastError(reason="OverlayPlaceUnreachable", message="nobody has it mounted")
ENDS = pytest.mark.parametrize("end", [Order.DESTINATION, Order.SOURCE])


def at_end(end, *, where=OverlayPlace.SOURCE_VOLUME, ended=False, node=None, **others):
    """Of a guest that is gone; the node agent has reached the end."""
    forward = end is Order.DESTINATION
    claim, stage = ("new", Stage.DONE) if forward else ("old", Stage.CANCELLED)
    told = {"qemu": Qemu.GONE, "stage": stage, "reached": end, **(node or {})}
    handover = Handover.DONE if forward else Handover.PENDING
    found = {
        "machine": {"claim": claim, "strategy": "Migration" if forward else ""},
        "source_claim": MARKED if forward else Claim(name="old", uid="old-uid"),
        "holder": Nothing.ABSENT,
        "budget": Nothing.ABSENT,
        "instance": {"phase": "Failed", "claim": claim, "claim_in_status": claim, "fence": None},
        "wanted": Position(end.value),
        "position": Position(end.value) if ended else Position.FROZEN,
        **others,
    }
    compute = {"order": end, "handover": handover, "locked": not ended}
    made = seen(compute=compute, node=told, **found)
    spec = dataclasses.replace(made.switch.spec, overlay=OverlaySpec(where=where))
    return dataclasses.replace(made, switch=dataclasses.replace(made.switch, spec=spec))


def told(decision):
    return find(decision.status.conditions, SwitchCondition.READY).message


@ENDS
def test_the_finisher_stays_until_the_node_agent_has_removed_the_overlay(end):
    """It reaches it through that pod alone."""
    decision = decide(at_end(end, finisher=FINISHER, node={"overlay": OVERLAY}))
    assert (decision.actions, decision.status.compute.locked) == ((), True)
    assert decision.message == "the node agent removes the overlay"
    decision = decide(at_end(end, finisher=FINISHER))
    assert decision.actions == (actions.DeleteFinisher(FINISHER.uid),)


@ENDS
def test_nobody_waits_for_a_lost_node_to_remove_it(end):
    lost = at_end(end, finisher=FINISHER, node={"overlay": OVERLAY}, node_lost=True)
    assert decide(lost).actions == (actions.DeleteFinisher(FINISHER.uid),)


def test_a_finisher_of_an_overlay_on_the_node_need_not_stay():
    where = {"where": OverlayPlace.NODE_LOCAL, "node": {"overlay": OVERLAY}}
    decision = decide(at_end(Order.SOURCE, finisher=FINISHER, **where))
    assert decision.actions == (actions.DeleteFinisher(FINISHER.uid),)


LEFT = {
    "its node was lost before": {"node": {"overlay": OVERLAY}, "node_lost": True},
    "nobody can reach it": {"node": {"last_error": UNREACHABLE}},
}


@ENDS
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_folder_that_may_be_left_is_told_of(end, ended, left):
    decision = decide(at_end(end, ended=ended, **left))
    assert decision.status.compute.locked is False
    assert FOLDER in told(decision)
    assert "the claim old" in told(decision)


@ENDS
@pytest.mark.parametrize("ended", [False, True])
def test_one_that_was_removed_is_not(end, ended):
    assert ".detour-" not in told(decide(at_end(end, ended=ended)))


@ENDS
@pytest.mark.parametrize("where", [OverlayPlace.NODE_LOCAL, OverlayPlace.CLAIM])
def test_the_source_has_nothing_of_an_overlay_that_was_elsewhere(end, where):
    elsewhere = at_end(end, where=where, ended=True, node={"overlay": OVERLAY})
    assert ".detour-" not in told(decide(elsewhere))


def test_an_overlay_that_was_given_up_with_its_node_is_left_too():
    given_up = at_end(Order.SOURCE, ended=True)
    compute = dataclasses.replace(given_up.switch.compute, node=None, token="x-abandoned")  # noqa: S106
    status = dataclasses.replace(given_up.switch.status, compute=compute)
    switch = dataclasses.replace(given_up.switch, status=status)
    assert FOLDER in told(decide(dataclasses.replace(given_up, switch=switch)))
