"""A namespace that is being deleted: every move in it ends, without anything being created."""

import dataclasses
import itertools

import pytest

from detour_crds.attachment_switch import (
    Handover,
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
    Stopped,
)
from detour_crds.volume_migration import HandoverMode, OverlayPlace, OverlaySpec, WhenStopped
from detour_operator.adapters import namespaces
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Observation, Pod, Proof
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status
from unit.operator.compute_switches import ORDERED, seen

EVERYWHERE = Proof(bites=True, namespace_ends=True)
ENDING = {"namespace_ends": True, "proof": EVERYWHERE}
GONE = {"qemu": Qemu.GONE, "stage": Stage.OVERLAY, "reached": Order.OVERLAY}
STOPPED = {"instance": Nothing.ABSENT, "budget": Nothing.ABSENT, "finisher": Nothing.ABSENT}
FINISHER = Pod(name="finisher", uid="finisher-uid", node="n", claims=("old",))
UNFINISHED = [stage for stage in Stage if stage not in (Stage.NONE, Stage.MISSING)]
DONE = (Stage.DONE, Stage.CANCELLED)
ORDERS = (Order.OVERLAY, Order.MIRRORED, Order.DESTINATION, Order.SOURCE)
CREATIONS = tuple(kind for kind in actions.Action.__args__ if kind.__name__.startswith("Create"))


def of_spec(found: Observation, **changes) -> Observation:
    spec = dataclasses.replace(found.switch.spec, **changes)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def ended(decision) -> bool:
    status = decision.status
    return status.position is Position.SOURCE and status.compute.locked is False


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stage", [stage for stage in UNFINISHED if stage not in DONE])
@pytest.mark.parametrize("wanted", [Position.FROZEN, Position.DESTINATION, Position.SOURCE])
@pytest.mark.parametrize("deleting", [True, False])
def test_a_guest_that_stopped_is_let_go_from_wherever_it_was(order, stage, wanted, deleting):
    found = seen(
        compute={"order": order}, node={**GONE, "stage": stage}, wanted=wanted,
        switch={"deleting": deleting}, **STOPPED, **ENDING,
    )  # fmt: skip
    decision = decide(found)
    assert decision.actions == ()
    assert decision.reason == "NamespaceDeleted"
    assert ended(decision)
    assert "/var/lib/detour/switches/12345678-abcd" in decision.message
    assert "node n" in decision.message
    compute = decision.status.compute
    assert compute.node is None, "its node's agent must find no switch of its own"
    assert compute.token != found.switch.compute.token


@pytest.mark.parametrize("order", ORDERS)
def test_the_lock_is_on_until_every_server_refuses_to_create(order):
    late = {**ENDING, "proof": Proof(bites=True)}
    decision = decide(seen(compute={"order": order}, node=GONE, **STOPPED, **late))
    assert (decision.actions, decision.reason) == ((), "NamespaceDeleted")
    assert decision.status.compute.locked
    assert decision.status.position is not Position.SOURCE


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("told", [False, Nothing.UNKNOWN, Nothing.ABSENT])
def test_what_is_not_known_lets_nothing_go(order, told):
    """Not even what the API servers say of creations."""
    facts = {**ENDING, "namespace_ends": told}
    decision = decide(seen(compute={"order": order}, node=GONE, **STOPPED, **facts))
    assert decision.reason != "NamespaceDeleted"
    assert decision.status.compute.locked


def test_a_stop_that_asks_a_person_is_let_go_once_the_guest_is_gone():
    stop = {"stopped": Stopped(reason="AmbiguousPivot", message="which?")}
    for stage in (Stage.PIVOT, Stage.MISSING):
        node = {**GONE, **stop, "stage": stage}
        assert ended(decide(seen(compute=ORDERED, node=node, **STOPPED, **ENDING)))
    running = {**stop, "qemu": Qemu.RUNNING, "stage": Stage.PIVOT}
    decision = decide(seen(compute=ORDERED, node=running, **ENDING))
    assert decision.reason == "AmbiguousPivot"
    assert decision.status.compute.locked


def test_a_finisher_that_is_there_is_used_to_its_end():
    back = {"order": Order.SOURCE, "handover": Handover.NOT_NEEDED}
    facts = {**STOPPED, "finisher": FINISHER, **ENDING}
    decision = decide(seen(compute=back, node=GONE, **facts))
    assert decision.status.compute.finisher_pod.uid == "finisher-uid"
    facts["finisher"] = dataclasses.replace(FINISHER, deleting=True)
    decision = decide(seen(compute=back, node=GONE, **facts))
    assert decision.actions == ()
    assert decision.status.compute.locked


def test_finish_does_not_wait_for_a_copy_that_cannot_be_made():
    found = seen(compute={"order": Order.OVERLAY}, node=GONE, **STOPPED, **ENDING)
    assert ended(decide(of_spec(found, when_stopped=WhenStopped.FINISH)))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (OverlayPlace.NODE_LOCAL, "/var/lib/detour"),
        (OverlayPlace.CLAIM, "the overlay's claim"),
        (OverlayPlace.SOURCE_VOLUME, "the source's claim"),
    ],
)
def test_it_says_where_the_last_writes_are_also_afterwards(where, words):
    overlay = OverlaySpec(where=where)
    found = of_spec(
        seen(compute={"order": Order.OVERLAY}, node=GONE, **STOPPED, **ENDING), overlay=overlay
    )
    decision = decide(found)
    assert words in decision.message
    after = dataclasses.replace(found.switch, status=decision.status)
    told = decide(Observation(switch=after))
    assert (told.reason, told.after) == ("NamespaceDeleted", None)
    assert words in told.message
    decision = decide(Observation(switch=dataclasses.replace(after, deleting=True)))
    assert decision.actions == (actions.RemoveFinalizer(),)


@pytest.mark.parametrize("order", [Order.OVERLAY, Order.MIRRORED])
def test_a_running_guest_goes_back_before_its_switch_is_deleted(order):
    node = {"stage": Stage.OVERLAY, "reached": order, "overlay": OverlayFile(name="o")}
    live = {"budget": Nothing.ABSENT, "holder": Nothing.ABSENT, **ENDING}
    found = seen(compute={"order": order}, node=node, **live)
    decision = decide(found)
    assert decision.status.compute.cancel_reason == "NamespaceDeleted"
    assert decision.status.compute.handover is Handover.NOT_NEEDED
    turned = {"cancel_reason": "NamespaceDeleted", "handover": Handover.NOT_NEEDED}
    closed = {**live, "instance": {"fence": None}}
    decision = decide(seen(compute={"order": order, **turned}, node=node, **closed))
    assert decision.status.compute.order is Order.SOURCE


def test_a_running_guest_that_is_on_the_destination_needs_no_manifest_and_no_holder():
    node = {"stage": Stage.DONE, "reached": Order.DESTINATION}
    found = seen(
        compute=ORDERED, node=node, wanted=Position.DESTINATION, holder=Nothing.ABSENT,
        instance={"claim": "new", "claim_in_status": "new"}, **ENDING,
    )  # fmt: skip
    decision = decide(of_spec(found, handover=HandoverMode.WAIT_FOR_DECLARED))
    assert [type(action) for action in decision.actions] == [actions.HandMachine]


@pytest.mark.thorough
@pytest.mark.parametrize("where", OverlayPlace)
def test_nothing_is_ever_created(where):
    """Of all that may be missing, in whatever order and stage, with a guest or without."""
    absent = ({}, {"holder": Nothing.ABSENT}, {"budget": Nothing.ABSENT})
    guests = (
        {"node": None},
        *({"node": {"stage": stage, "reached": order}} for stage in Stage for order in Order),
        *({"node": {**GONE, "stage": stage}, **STOPPED} for stage in Stage),
        {"node": None, "node_lost": True, "node_given_up": True, **STOPPED},
    )
    for order, missing, guest in itertools.product(Order, absent, guests):
        found = seen(compute={"order": order}, **{**missing, **guest, **ENDING})
        decision = decide(of_spec(found, overlay=OverlaySpec(where=where)))
        assert not [act for act in decision.actions if isinstance(act, CREATIONS)]


def test_a_lost_node_whose_overlay_outlives_it_has_no_other_node_there():
    found = seen(
        compute={"order": Order.OVERLAY}, node_lost=True, node_given_up=True, **STOPPED, **ENDING
    )
    assert ended(decide(of_spec(found, overlay=OverlaySpec(where=OverlayPlace.CLAIM))))
    assert not ended(decide(found)), "on the node's own disk: a person decides, as ever"


def test_a_lock_that_was_taken_off_is_put_back_without_a_proof():
    unproven = {"namespace_ends": True, "proof": Proof(bites=False, namespace_ends=True)}
    compute = {"order": Order.SOURCE, "locked": False, "lock_proven": False}
    decision = decide(seen(compute=compute, node=GONE, **STOPPED, **unproven))
    assert decision.status.compute.locked
    decision = decide(seen(compute=compute | {"locked": True}, node=GONE, **STOPPED, **unproven))
    assert ended(decision)


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        ({"metadata": {}, "status": {"phase": "Active"}}, False),
        ({"metadata": {}, "status": {"phase": "Terminating"}}, True),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
    ],
)
def test_the_namespace_itself_says_so(found, ends):
    with serving(lambda _: (200, found)) as server:
        assert namespaces.is_ending(server.api(), "ns") is ends
    assert server.asked[0].path == "/api/v1/namespaces/ns"


def test_a_namespace_that_is_not_found_is_not_known():
    with (
        serving(lambda _: status(404, "NotFound")) as server,
        pytest.raises(Unreachable),
    ):
        namespaces.is_ending(server.api(), "ns")
