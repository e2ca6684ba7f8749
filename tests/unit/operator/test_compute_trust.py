"""A person's answer to a stop, and a node that is gone for ever: the operator's part."""

import dataclasses

import pytest

from detour_crds.attachment_switch import (
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
    Stopped,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import Trust
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from unit.operator.compute_switches import MARKED, TOKEN, seen

ENDED = {"phase": "Failed", "fence": None}
LOST = {"instance": ENDED, "node_lost": True, "budget": Nothing.ABSENT}
OVERLAY = OverlayFile(name="o", bytes=4096)


def trusting(found, trust):
    spec = dataclasses.replace(found.switch.spec, trust=trust)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def moving(order, **others):
    node = {"stage": Stage.OVERLAY, "overlay": OVERLAY, **others.pop("node", {})}
    compute = {"order": order, "lost_node": "n"} if others.get("node_lost") else {"order": order}
    return seen(compute=compute, node=node, position=Position.FROZEN, **others)


def stalled(decision):
    return find(decision.status.conditions, SwitchCondition.STALLED)


def test_with_an_answer_the_move_takes_its_way_and_the_agent_acts():
    node = {"qemu": Qemu.GONE, "stopped": Stopped(reason="OverlayMissing", message="m")}
    found = moving(Order.OVERLAY, node=node, instance=ENDED)
    assert stalled(decide(found)).reason == "OverlayMissing"
    decision = decide(trusting(found, Trust.SOURCE))
    assert decision.status.compute.cancel_reason == "GuestStopped"


def test_an_answer_that_does_not_fit_still_stalls():
    stopped = Stopped(reason="ForeignChain", message="m")
    found = moving(Order.MIRRORED, node={"stopped": stopped})
    decision = decide(trusting(found, Trust.SOURCE))
    assert stalled(decision).status is Status.TRUE
    assert "spec.trust" in decision.message


def test_the_source_is_taken_even_after_the_order_destination():
    node = {"qemu": Qemu.GONE, "stage": Stage.CANCELLED, "refused": True}
    found = moving(Order.DESTINATION, node=node, instance=ENDED)
    decision = decide(trusting(found, Trust.SOURCE))
    assert decision.status.compute.cancel_reason == "SourceTrusted"
    assert "spec.trust" in decision.message


def test_the_order_follows_a_guest_that_is_on_the_destination():
    found = moving(Order.MIRRORED, node={"reached": Order.DESTINATION, "stage": Stage.DONE})
    assert decide(found).status.compute.order is Order.DESTINATION


@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED, Order.DESTINATION, Order.SOURCE])
def test_u3_a_lost_node_is_waited_for_and_it_is_said_what_is_at_stake(order):
    decision = decide(moving(order, **LOST))
    assert decision.actions == ()
    assert decision.status.compute.locked is True
    assert stalled(decision).reason == "NodeLost"
    assert "4096 bytes" in decision.message
    assert "spec.trust" in decision.message


@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED, Order.DESTINATION, Order.SOURCE])
def test_the_launcher_of_a_node_that_is_out_of_service_is_given_up_once(order):
    facts = {"node_lost": True, "node_given_up": True}
    decision = decide(moving(order, **facts))
    assert decision.actions == (actions.DeleteLauncher("launcher", "launcher-uid"),)
    leaving = dataclasses.replace(moving(order).launcher, deleting=True)
    assert decide(moving(order, launcher=leaving, **facts)).actions == ()
    heard_from = decide(moving(order, node_lost=False, node_given_up=True)).actions
    assert not any(isinstance(item, actions.DeleteLauncher) for item in heard_from)


def test_what_kubevirt_still_calls_running_is_not_given_up():
    found = moving(Order.OVERLAY, node_lost=True)
    assert "out-of-service" in decide(found).message
    decision = decide(trusting(found, Trust.SOURCE))
    assert decision.status.compute.locked is True
    assert stalled(decision).reason == "NodeLost"


def test_a_node_that_is_heard_from_is_for_its_agent_to_judge():
    decision = decide(moving(Order.OVERLAY, instance=ENDED, node_lost=False))
    assert stalled(decision).status is Status.FALSE


def test_the_loss_is_accepted_and_nothing_that_comes_back_counts():
    found = trusting(moving(Order.OVERLAY, **LOST), Trust.SOURCE)
    compute = decide(found).status.compute
    assert decide(found).status.position is Position.SOURCE
    assert (compute.locked, compute.node) == (False, None)
    assert compute.token != TOKEN


def test_the_copy_is_taken_only_if_it_was_whole():
    found = trusting(moving(Order.OVERLAY, **LOST), Trust.DESTINATION)
    assert stalled(decide(found)).reason == "NodeLost"
    asked = trusting(moving(Order.OVERLAY, wanted=Position.DESTINATION, **LOST), Trust.DESTINATION)
    assert decide(asked).status.compute.order is Order.DESTINATION
    ordered = trusting(
        moving(Order.DESTINATION, wanted=Position.DESTINATION, **LOST), Trust.DESTINATION
    )
    assert decide(ordered).actions == (actions.HandMachine("old", "new", live=False),)
    named = trusting(
        moving(
            Order.DESTINATION,
            wanted=Position.DESTINATION,
            machine={"claim": "new"},
            source_claim=MARKED,
            **LOST,
        ),
        Trust.DESTINATION,
    )
    assert decide(named).status.position is Position.DESTINATION
    assert decide(named).status.compute.node is None


def test_an_abandoned_attempt_stays_ended():
    compute = {"order": Order.OVERLAY, "node": None, "locked": False, "token": "t-abandoned"}
    ended = seen(compute=compute, position=Position.SOURCE, instance=Nothing.ABSENT)
    decision = decide(ended)
    assert decision.actions == ()
    assert decision.reason == "NodeLost"
