"""A guest that stopped in the middle: rows U4 and D13 to D16, the operator's part."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Handover, ObjectRef, Order, Position, Qemu, Stage
from detour_crds.volume_migration import WhenStopped
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Pod
from unit.operator.compute_switches import MARKED, SWITCH, seen

GONE = {"qemu": Qemu.GONE, "stage": Stage.OVERLAY, "reached": Order.OVERLAY}
FINISHER = Pod(name="finisher", uid="finisher-uid", node="n", claims=("old", "new"))
BACKWARD = dataclasses.replace(FINISHER, claims=("old",))
WENT_BACK = {"handover": Handover.NOT_NEEDED, "cancel_reason": "GuestStopped"}
RECORDED = {"finisher_pod": ObjectRef(name="finisher", uid="finisher-uid")}


def stopped(
    order, *, wanted=Position.FROZEN, when=WhenStopped.AUTO, compute=None, told=Position.FROZEN,
    **others,
):  # fmt: skip
    spec = dataclasses.replace(SWITCH.spec, position=wanted, when_stopped=when)
    facts = {
        "node": GONE,
        "instance": {"phase": "Failed", "fence": None},
        "budget": Nothing.ABSENT,
        **others,
    }
    if order is Order.SOURCE and wanted is not Position.SOURCE:
        compute = {**WENT_BACK, **(compute or {})}
    found = seen(
        compute={"order": order, **(compute or {})}, position=told, wanted=wanted,
        **facts,
    )  # fmt: skip
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def order_of(decision):
    return decision.status.compute.order


@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED, Order.SOURCE, Order.DESTINATION])
def test_u4_nothing_before_kubevirt_says_that_the_instance_has_ended(order):
    decision = decide(stopped(order, instance={"phase": "Running"}))
    assert decision.actions == ()
    assert order_of(decision) is order


@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED])
@pytest.mark.parametrize("when", [WhenStopped.AUTO, WhenStopped.FINISH])
def test_d15_forward_if_the_destination_was_asked_for(order, when):
    decision = decide(stopped(order, wanted=Position.DESTINATION, when=when))
    assert order_of(decision) is Order.DESTINATION


@pytest.mark.parametrize(
    ("wanted", "when"),
    [
        (Position.FROZEN, WhenStopped.AUTO),
        (Position.FROZEN, WhenStopped.CANCEL),
        (Position.DESTINATION, WhenStopped.CANCEL),
        (Position.SOURCE, WhenStopped.FINISH),
    ],
)
def test_d16_back_otherwise(wanted, when):
    decision = decide(stopped(Order.OVERLAY, wanted=wanted, when=when))
    if wanted is not Position.SOURCE:
        assert decision.status.compute.cancel_reason == "GuestStopped"
        decision = decide(stopped(Order.OVERLAY, wanted=wanted, when=when, compute=WENT_BACK))
    assert order_of(decision) is Order.SOURCE


@pytest.mark.parametrize("when", WhenStopped)
@pytest.mark.parametrize("stage", [Stage.START, Stage.OVERLAY])
def test_d16_back_if_the_destination_was_asked_for_before_the_source_was_frozen(when, stage):
    """Nothing can have been copied: whoever drives the switch was too early."""
    given = {"told": Position.NOWHERE, "node": {"qemu": Qemu.GONE, "stage": stage}}
    wanted = Position.DESTINATION
    decision = decide(stopped(Order.OVERLAY, wanted=wanted, when=when, **given))
    assert decision.status.compute.cancel_reason == "GuestStopped"
    found = stopped(Order.OVERLAY, wanted=wanted, when=when, compute=WENT_BACK, **given)
    assert order_of(decide(found)) is Order.SOURCE


def test_finish_waits_for_the_copy():
    decision = decide(stopped(Order.OVERLAY, when=WhenStopped.FINISH))
    assert decision.actions == ()
    assert order_of(decision) is Order.OVERLAY
    assert decision.status.position is Position.FROZEN


def test_the_finisher_of_a_move_forward_holds_both_claims():
    decision = decide(
        stopped(Order.DESTINATION, wanted=Position.DESTINATION, finisher=Nothing.ABSENT)
    )
    assert decision.actions == (actions.CreateFinisher("old", "new", node="n"),)


def test_the_finisher_of_the_way_back_does_not_depend_on_the_destination():
    decision = decide(stopped(Order.SOURCE, finisher=Nothing.ABSENT))
    assert decision.actions == (actions.CreateFinisher("old", None, node="n"),)
    decision = decide(stopped(Order.SOURCE, finisher=FINISHER))
    assert decision.actions == (actions.DeleteFinisher("finisher-uid"),)


def test_a_finisher_on_another_node_than_the_agents_is_replaced():
    """Made when the node was lost, which came back before the hand-over was recorded."""
    elsewhere = dataclasses.replace(BACKWARD, node="node-2")
    decision = decide(stopped(Order.SOURCE, finisher=elsewhere))
    assert decision.actions == (actions.DeleteFinisher("finisher-uid"),)
    assert decision.status.compute.finisher_pod is None
    here = dataclasses.replace(BACKWARD, node="n")
    assert decide(stopped(Order.SOURCE, finisher=here)).status.compute.finisher_pod is not None


def test_the_node_agent_is_told_of_the_finisher_once_it_runs():
    pending = dataclasses.replace(BACKWARD, running=False, phase="Pending", trouble="no node")
    decision = decide(stopped(Order.SOURCE, finisher=pending))
    assert decision.status.compute.finisher_pod is None
    assert "no node" in decision.message
    decision = decide(stopped(Order.SOURCE, finisher=BACKWARD))
    assert decision.status.compute.finisher_pod == RECORDED["finisher_pod"]


@pytest.mark.parametrize("stage", [Stage.NONE, Stage.CANCELLED, Stage.DONE])
def test_no_finisher_where_the_journal_has_nothing_to_finish(stage):
    node = {"qemu": Qemu.GONE, "stage": stage}
    decision = decide(stopped(Order.SOURCE, node=node, finisher=Nothing.ABSENT))
    assert decision.actions == ()


@pytest.mark.parametrize("stage", [Stage.NONE, Stage.OVERLAY, Stage.MIRROR])
@pytest.mark.parametrize("qemu", [Qemu.RUNNING, Qemu.UNKNOWN])
def test_a_finisher_that_was_recorded_and_is_lost_is_made_again_whatever_was_reported(qemu, stage):
    """Its node's agent cannot look without it, and the node that could told no end of QEMU."""
    node = {"qemu": qemu, "stage": stage}
    found = stopped(Order.SOURCE, node=node, compute=RECORDED, finisher=Nothing.ABSENT)
    assert decide(found).actions == (actions.CreateFinisher("old", None, node="n"),)


def test_the_lock_comes_off_after_the_finisher_has_gone():
    ended = {"node": {**GONE, "stage": Stage.CANCELLED, "reached": Order.SOURCE}}
    others = {"holder": Nothing.ABSENT, "compute": RECORDED, **ended}
    decision = decide(stopped(Order.SOURCE, finisher=BACKWARD, **others))
    assert decision.actions == (actions.DeleteFinisher("finisher-uid"),)
    assert decision.status.compute.locked is True
    decision = decide(stopped(Order.SOURCE, finisher=Nothing.ABSENT, **others))
    assert decision.status.compute.locked is False
    assert (decision.status.position, decision.reason) == (Position.SOURCE, "GuestStopped")


def test_a_move_that_was_finished_forward_ends_on_the_destination():
    node = {**GONE, "stage": Stage.DONE, "reached": Order.DESTINATION}
    ended = {
        "node": node,
        "machine": {"claim": "new"},
        "wanted": Position.DESTINATION,
        "source_claim": MARKED,
    }
    compute = {"handover": "Done", **RECORDED}
    decision = decide(stopped(Order.DESTINATION, finisher=FINISHER, compute=compute, **ended))
    assert decision.actions == (actions.DeleteFinisher("finisher-uid"),)
    decision = decide(stopped(Order.DESTINATION, compute=compute, **ended))
    assert decision.status.position is Position.DESTINATION
    assert decision.status.compute.locked is False
