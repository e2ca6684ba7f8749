"""A node that is lost when QEMU was seen gone, or the end reached: what still needs its agent."""

import dataclasses

import pytest

from detour_crds import stops
from detour_crds.attachment_switch import (
    Handover,
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
    Stopped,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import OverlayPlace, OverlaySpec, Trust
from detour_operator.compute_side import actions, facts
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.finisher import Finisher, manifest
from detour_operator.compute_side.observation import Claim, Nothing, Pod
from unit.operator.compute_switches import MARKED, SWITCH, TOKEN, seen

CLAIM = Claim(name="detour-overlay-12345678", uid="overlay-uid", made_for=SWITCH.uid)
OVERLAY_POD = Pod(name="p", uid="pod-of-overlay", node="n", owner="launcher-uid")
OVERLAY = OverlayFile(name="o", bytes=4096)
ENDED = {"phase": "Failed", "fence": None}
LAUNCHER_GONE = {"instance": ENDED, "launcher": Nothing.ABSENT}
ENDS = pytest.mark.parametrize("end", [Order.DESTINATION, Order.SOURCE])
HANDED = {Order.DESTINATION: Handover.DONE, Order.SOURCE: Handover.PENDING}
OTHERS = {"budget": Nothing.ABSENT, "node_lost": True}


TOLD = {"lost_node": "n", "losses": 2}
THIS = stops.of_lost_node(TOKEN, 2)


def of_spec(found, **changes):
    spec = dataclasses.replace(found.switch.spec, **changes)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def at_end(end, *, where=OverlayPlace.NODE_LOCAL, trust=None, stop=None, compute=None, **others):
    """Reached and reported; the overlay is still there, and nobody hears the node."""
    forward = end is Order.DESTINATION
    claim, stage = ("new", Stage.DONE) if forward else ("old", Stage.CANCELLED)
    node = {"stage": stage, "reached": end, "overlay": OVERLAY, **others.pop("node", {})}
    instance = {"claim": claim, "claim_in_status": claim, "fence": None}
    found = {
        "machine": {"claim": claim, "strategy": "Migration" if forward else ""},
        "source_claim": MARKED if forward else Claim(name="old", uid="old-uid"),
        "holder": Nothing.ABSENT if not forward else None,
        "wanted": Position.DESTINATION if forward else Position.SOURCE,
        "position": Position.FROZEN,
        "instance": {**instance, **others.pop("instance", {})},
        **({"overlay_claim": CLAIM, "overlay_pod": OVERLAY_POD} if where == "Claim" else {}),
        **OTHERS,
        **others,
    }
    recorded = {"order": end, "handover": HANDED[end], **(compute or {})}
    made = seen(compute=recorded, node=node, **found)
    return of_spec(made, overlay=OverlaySpec(where=where), trust=trust, answered_stop=stop)


def on_claim(end, **others):
    return at_end(end, where=OverlayPlace.CLAIM, **others)


def gone(
    *, order=Order.SOURCE, where=OverlayPlace.CLAIM, trust=None, stop=None, compute=None, **others
):
    """QEMU was seen gone; the merge may have begun."""
    node = {"qemu": Qemu.GONE, "stage": Stage.OFFLINE_COMMIT, "overlay": OVERLAY}
    recorded = {"order": order, **(compute or {})}
    found = {"instance": ENDED, "position": Position.FROZEN, **OTHERS, **others}
    made = seen(compute=recorded, node=node, overlay_claim=CLAIM, **found)
    return of_spec(made, overlay=OverlaySpec(where=where), trust=trust, answered_stop=stop)


def stalled(decision):
    told = find(decision.status.conditions, SwitchCondition.STALLED)
    return told.reason if told.status is Status.TRUE else ""


def waits(decision):
    """For the node, or for a person, and nothing is touched."""
    locked = decision.status.compute.locked is True
    return locked and decision.actions == () and stalled(decision) == "NodeLost"


def unlocks(decision, end):
    compute, position = decision.status.compute, decision.status.position
    return (compute.locked, compute.node, position) == (False, "n", Position(end.value))


@ENDS
@pytest.mark.parametrize("where", [OverlayPlace.NODE_LOCAL, OverlayPlace.SOURCE_VOLUME])
def test_nobody_waits_for_an_overlay_on_a_lost_node_that_is_needed_no_more(end, where):
    """The instance is KubeVirt's to give up, lock or no lock: none is started beside it."""
    assert unlocks(decide(at_end(end, where=where)), end)


@ENDS
def test_the_agent_of_a_node_that_is_heard_is_waited_for(end):
    heard = decide(on_claim(end, node_lost=False))
    assert (heard.actions, heard.status.compute.locked) == ((), True)
    assert stalled(heard) == ""


@ENDS
@pytest.mark.parametrize("where", OverlayPlace)
def test_an_old_qemu_that_may_still_write_keeps_the_lock(end, where):
    """KubeVirt has given the instance up, which says nothing of the node's own doings."""
    decision = decide(at_end(end, where=where, **LAUNCHER_GONE, overlay_pod=Nothing.ABSENT))
    assert waits(decision)
    assert f"the guest's data is on the {end.value.lower()}" in decision.message
    assert "out-of-service" in decision.message
    assert f"set spec.trust to {end.value}" in decision.message
    assert decision.status.compute.lost_node == "n"


@ENDS
@pytest.mark.parametrize("where", [OverlayPlace.NODE_LOCAL, OverlayPlace.SOURCE_VOLUME])
def test_the_word_that_the_node_is_off_takes_the_lock_off(end, where):
    tainted = at_end(end, where=where, node_given_up=True, **LAUNCHER_GONE)
    assert unlocks(decide(tainted), end)
    told = {"where": where, "compute": TOLD, "stop": THIS, **LAUNCHER_GONE}
    assert unlocks(decide(at_end(end, trust=Trust(end.value), **told)), end)
    assert waits(decide(at_end(end, trust=Trust.OVERLAY, **told)))


def test_a_cancel_is_called_one_although_the_source_was_named_for_the_lost_node():
    told = {"compute": TOLD, "stop": THIS, **LAUNCHER_GONE}
    decision = decide(at_end(Order.SOURCE, trust=Trust.SOURCE, **told))
    assert decision.reason == "Cancelled"


@ENDS
def test_a_qemu_that_was_seen_gone_needs_nobodys_word(end):
    assert unlocks(decide(at_end(end, node={"qemu": Qemu.GONE}, **LAUNCHER_GONE)), end)


@ENDS
def test_the_launcher_of_a_node_that_is_off_is_given_up_at_the_end_too(end):
    decision = decide(on_claim(end, node_given_up=True))
    assert decision.actions == (actions.DeleteLauncher("launcher", "launcher-uid"),)


@ENDS
def test_the_overlays_claim_stays_while_a_launcher_may_have_it_mounted(end):
    assert waits(decide(on_claim(end)))
    assert waits(decide(on_claim(end, **LAUNCHER_GONE)))


@ENDS
def test_the_overlays_claim_goes_without_the_agent_of_a_node_that_is_off(end):
    off = {"node_given_up": True, **LAUNCHER_GONE}
    assert decide(on_claim(end, **off)).actions == (actions.DeleteOverlayPod(OVERLAY_POD.uid),)
    off["overlay_pod"] = Nothing.ABSENT
    assert decide(on_claim(end, **off)).actions == (actions.DeleteOverlayClaim(CLAIM.uid),)
    assert unlocks(decide(on_claim(end, **{**off, "overlay_claim": Nothing.ABSENT})), end)


HOLDER = Pod(name="h", uid="holder-uid", node="n", owner="launcher-uid", claims=("new",))
FINISHER = Pod(name="f", uid="f-uid", node="n", pinned="n", claims=("old",))
WITHOUT_OVERLAY = {"node": {"overlay": None}}
PODS = {
    "the overlay's, forward": (Order.DESTINATION, "overlay_pod", OVERLAY_POD),
    "the overlay's, back": (Order.SOURCE, "overlay_pod", OVERLAY_POD),
    "the holder": (Order.SOURCE, "holder", HOLDER),
    "the finisher, forward": (Order.DESTINATION, "finisher", FINISHER),
    "the finisher, back": (Order.SOURCE, "finisher", FINISHER),
}
OF_POD = pytest.mark.parametrize(("end", "which", "pod"), PODS.values(), ids=PODS)


def with_pod(end, which, pod, **others):
    """The agent has removed the overlay; one pod of the move is left on its node."""
    gone = {"overlay_pod": Nothing.ABSENT, "overlay_claim": Nothing.ABSENT}
    return on_claim(end, **WITHOUT_OVERLAY, **{**gone, which: pod, **others})


@OF_POD
def test_a_pod_of_the_move_on_a_lost_node_is_asked_to_go(end, which, pod):
    (action,) = decide(with_pod(end, which, pod)).actions
    assert action.uid == pod.uid


@OF_POD
def test_kubelet_ends_it_when_the_node_is_back_and_nobody_waits_for_that(end, which, pod):
    ending = dataclasses.replace(pod, deleting=True)
    assert unlocks(decide(with_pod(end, which, ending)), end)


@OF_POD
def test_on_a_node_that_is_heard_its_end_is_waited_for(end, which, pod):
    ending = dataclasses.replace(pod, deleting=True)
    decision = decide(with_pod(end, which, ending, node_lost=False))
    assert (decision.actions, decision.status.compute.locked) == ((), True)


@ENDS
def test_the_overlays_claim_is_let_go_before_the_lock(end):
    """Its volume is kept as long as a pod has it, and its name is nobody else's."""
    ending = dataclasses.replace(OVERLAY_POD, deleting=True)
    decision = decide(with_pod(end, "overlay_pod", ending, overlay_claim=CLAIM))
    assert decision.actions == (actions.DeleteOverlayClaim(CLAIM.uid),)
    going = dataclasses.replace(CLAIM, deleting=True)
    assert unlocks(decide(with_pod(end, "overlay_pod", ending, overlay_claim=going)), end)


def test_a_finisher_that_is_needed_is_waited_for():
    """Before the end: its agent may be merging there."""
    ending = dataclasses.replace(FINISHER, deleting=True)
    assert waits(decide(gone(finisher=ending)))


def test_no_holder_is_made_on_a_lost_node():
    decision = decide(at_end(Order.DESTINATION, holder=Nothing.ABSENT))
    assert waits(decision)
    assert "holds the destination" in decision.message


@pytest.mark.parametrize("where", OverlayPlace)
def test_a_merge_that_may_go_on_on_a_lost_node_is_waited_for(where):
    """The agent's children die with it, and not because nobody hears the node."""
    decision = decide(gone(where=where))
    assert waits(decision)
    assert "out-of-service" in decision.message or "spec.trust" in decision.message


def test_kubevirt_is_helped_to_give_up_an_instance_whose_qemu_is_gone():
    decision = decide(gone(instance={"phase": "Running"}, node_given_up=True))
    assert decision.actions == (actions.DeleteLauncher("launcher", "launcher-uid"),)


@pytest.mark.parametrize(
    "said",
    [
        {"node_given_up": True},
        {"trust": Trust.OVERLAY, "stop": THIS, "compute": TOLD},
        # What another stop was answered says nothing against the taint, nor for it.
        {"node_given_up": True, "trust": Trust.SOURCE, "stop": stops.of_lost_node(TOKEN, 1)},
    ],
)
def test_then_another_node_goes_on_with_the_merge(said):
    old = Pod(name="f", uid="f-uid", node="n", pinned="n", claims=("old", CLAIM.name))
    assert decide(gone(finisher=old, **said)).actions == (actions.DeleteFinisher("f-uid"),)
    assert decide(gone(**said)).actions == (actions.CreateFinisher("old", None, None, lost="n"),)
    new = dataclasses.replace(old, node="n2", pinned=None)
    compute = decide(gone(finisher=new, **said)).status.compute
    assert (compute.node, compute.lost_node) == ("n2", None)


def test_a_finisher_that_waits_for_the_lost_node_alone_is_replaced():
    """The scheduler does not take a node that was removed."""
    pending = Pod(name="f", uid="f-uid", pinned="n", running=False, phase="Pending")
    decision = decide(gone(finisher=pending, node_given_up=True))
    assert decision.actions == (actions.DeleteFinisher("f-uid"),)


def test_one_that_waits_for_any_other_node_is_replaced_once_the_first_is_back():
    pending = Pod(name="f", uid="f-uid", running=False, phase="Pending", claims=("old",))
    back = {"handover": Handover.NOT_NEEDED}
    decision = decide(gone(finisher=pending, node_lost=False, compute=back))
    assert decision.actions == (actions.DeleteFinisher("f-uid"),)


@pytest.mark.parametrize(("node", "pinned"), [("n", "n"), (None, None)])
def test_a_pod_says_which_node_it_waits_for(node, pinned):
    pod = manifest(
        Finisher(
            namespace="ns", switch="move", switch_uid=SWITCH.uid, owner={"uid": "o"}, node=node,
            lost="n", source="old", destination=None, overlay=None, se_linux_level="",
            image="copier", pull_policy="Never",
        )
    )  # fmt: skip
    pod["metadata"]["uid"] = "f-uid"
    assert facts.pod(pod).pinned == pinned


EARLIER = [None, "NodeLost", stops.of_guest("AmbiguousPivot", TOKEN), "NodeLost-87654321-1-2"]


@pytest.mark.parametrize("where", OverlayPlace)
@pytest.mark.parametrize("trust", Trust)
@pytest.mark.parametrize("stop", [*EARLIER, stops.of_lost_node(TOKEN, 1)])
@pytest.mark.parametrize("compute", [{"losses": 1}, TOLD, {"lost_node": "n0", "losses": 1}])
def test_an_answer_to_another_stop_says_nothing_of_the_node(where, trust, stop, compute):
    """It was given when nobody knew of this loss, and a merge may go on there by it."""
    found = {"where": where, "trust": trust, "stop": stop, "compute": compute}
    decision = decide(gone(wanted=Position.DESTINATION, **found))
    assert waits(decision)
    assert decision.status.stop == stops.of_lost_node(TOKEN, 2)
    assert "answers another stop" in decision.message


def test_each_loss_is_a_stop_of_its_own():
    first = decide(gone())
    compute = first.status.compute
    assert (compute.lost_node, compute.losses) == ("n", 1)
    assert first.status.stop == stops.of_lost_node(TOKEN, 1)
    assert first.status.stop in first.message
    heard = decide(gone(compute={"lost_node": "n", "losses": 1}, node_lost=False))
    assert (heard.status.compute.lost_node, heard.status.stop) == (None, None)
    again = decide(gone(compute={"losses": 1}))
    assert again.status.stop == stops.of_lost_node(TOKEN, 2)


def test_a_loss_is_forgotten_even_where_the_node_comes_back_with_a_stop():
    """Or the answer to that loss would count for the next one, when the stop is answered."""
    back = {"compute": TOLD, "node_lost": False, "trust": Trust.SOURCE, "stop": THIS}
    found = gone(**back)
    node = dataclasses.replace(found.switch.node, stopped=Stopped(reason="AmbiguousCommit"))
    told = dataclasses.replace(found.switch.status, node=node)
    found = dataclasses.replace(found, switch=dataclasses.replace(found.switch, status=told))
    decision = decide(found)
    assert (decision.actions, decision.status.compute.lost_node) == ((), None)
