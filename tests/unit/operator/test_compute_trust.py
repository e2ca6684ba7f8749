"""A person's answer to a stop, and a node that is gone for ever: the operator's part."""

import dataclasses

import pytest

from detour_crds import answers, stops
from detour_crds.attachment_switch import (
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
    Stopped,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import OverlayPlace, OverlaySpec, Trust
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from unit.operator.compute_switches import MARKED, TOKEN, seen

ENDED = {"phase": "Failed", "fence": None}
LOST = {"instance": ENDED, "node_lost": True, "budget": Nothing.ABSENT}
OVERLAY = OverlayFile(name="o", bytes=4096)
LOSS = stops.of_lost_node(TOKEN, 1)
TOLD = {"lost_node": "n", "losses": 1}


def trusting(found, trust, stop=LOSS):
    spec = dataclasses.replace(found.switch.spec, trust=trust, answered_stop=stop)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def moving(order, **others):
    node = {"stage": Stage.OVERLAY, "overlay": OVERLAY, **others.pop("node", {})}
    told = TOLD if others.get("node_lost") else {}
    return seen(compute={"order": order, **told}, node=node, position=Position.FROZEN, **others)


def stalled(decision):
    return find(decision.status.conditions, SwitchCondition.STALLED)


def test_with_an_answer_the_move_takes_its_way_and_the_agent_acts():
    node = {"qemu": Qemu.GONE, "stopped": Stopped(reason="OverlayMissing", message="m")}
    found = moving(Order.OVERLAY, node=node, instance=ENDED)
    assert stalled(decide(found)).reason == "OverlayMissing"
    assert decide(found).status.stop == stops.of_guest("OverlayMissing", TOKEN)
    assert decide(found).status.stop in stalled(decide(found)).message
    answered = trusting(found, Trust.SOURCE, stops.of_guest("OverlayMissing", TOKEN))
    decision = decide(answered)
    assert decision.status.compute.cancel_reason == "GuestStopped"
    assert decision.status.stop is None


@pytest.mark.parametrize("reason", stops.OF_GUEST)
@pytest.mark.parametrize(
    "stop", [None, LOSS, "AmbiguousCommit", "AmbiguousCommit-87654321-1", "OverlayMissing-0-1"]
)
def test_an_answer_that_was_there_before_the_stop_is_none(reason, stop):
    """In a manifest, or for another stop: this one is asked anew, and says so."""
    node = {"qemu": Qemu.GONE, "stopped": Stopped(reason=reason, message="m")}
    found = moving(Order.SOURCE, node=node, instance=ENDED)
    decision = decide(trusting(found, Trust.SOURCE, stop))
    assert stalled(decision).reason == reason
    assert decision.actions == ()
    assert decision.status.stop == stops.of_guest(reason, TOKEN)
    assert "answers another stop" in decision.message


def test_a_stop_that_takes_no_answer_has_no_name():
    stopped = Stopped(reason="ForeignChain", message="m")
    decision = decide(moving(Order.MIRRORED, node={"stopped": stopped}))
    assert (decision.message, decision.status.stop) == ("m", None)


def test_what_a_node_asked_is_asked_again_when_it_is_back():
    """While it is lost another thing is asked, whose answer is none to the first."""
    node = {"qemu": Qemu.GONE, "stopped": Stopped(reason="AmbiguousPivot", message="m")}
    lost = decide(moving(Order.DESTINATION, node=node, **LOST))
    assert (stalled(lost).reason, lost.status.stop) == ("NodeLost", LOSS)
    back = moving(Order.DESTINATION, node=node, instance=ENDED, node_lost=False)
    decision = decide(trusting(back, Trust.DESTINATION))
    assert stalled(decision).reason == "AmbiguousPivot"


def test_a_cancel_is_called_one_although_an_earlier_stop_was_answered_with_the_source():
    node = {"qemu": Qemu.RUNNING, "stage": Stage.CANCELLED, "reached": Order.SOURCE}
    found = moving(Order.SOURCE, node=node, wanted=Position.SOURCE, budget=Nothing.ABSENT)
    assert decide(trusting(found, Trust.SOURCE)).status.compute.cancel_reason is None
    answered = trusting(found, Trust.SOURCE, stops.of_guest("AmbiguousCommit", TOKEN))
    assert decide(answered).status.compute.cancel_reason == "SourceTrusted"


def test_an_answer_that_does_not_fit_still_stalls():
    stop = stops.of_guest("DestinationFailed", TOKEN)
    node = {"stopped": Stopped(reason="DestinationFailed", message="m")}
    decision = decide(trusting(moving(Order.MIRRORED, node=node), Trust.SOURCE, stop))
    assert (stalled(decision).status, decision.status.stop) == (Status.TRUE, stop)
    assert "does not fit" in decision.message


def test_the_source_is_taken_even_after_the_order_destination():
    node = {"qemu": Qemu.GONE, "stage": Stage.CANCELLED, "refused": True}
    found = moving(Order.DESTINATION, node=node, instance=ENDED)
    answered = trusting(found, Trust.SOURCE, stops.of_guest("AmbiguousPivot", TOKEN))
    decision = decide(answered)
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


@pytest.mark.parametrize("where", OverlayPlace)
@pytest.mark.parametrize("wanted", [Position.FROZEN, Position.DESTINATION])
@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED, Order.DESTINATION])
@pytest.mark.parametrize("trust", Trust)
def test_what_is_acted_on_of_a_loss_is_what_people_are_offered(where, wanted, order, trust):
    found = moving(order, wanted=wanted, **LOST)
    spec = dataclasses.replace(found.switch.spec, overlay=OverlaySpec(where=where))
    found = dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))
    offered = answers.fitting(LOSS, found.switch.spec, found.switch.status)
    waits = stalled(decide(trusting(found, trust))).status is Status.TRUE
    assert waits is (trust not in offered)


def test_an_abandoned_attempt_stays_ended():
    compute = {"order": Order.OVERLAY, "node": None, "locked": False, "token": "t-abandoned"}
    ended = seen(compute=compute, position=Position.SOURCE, instance=Nothing.ABSENT)
    decision = decide(ended)
    assert decision.actions == ()
    assert decision.reason == "NodeLost"
