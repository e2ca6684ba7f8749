"""An overlay on a claim of its own: who has it mounted, and another node that goes on with it."""

import dataclasses

import pytest

from detour_agent.domain.journal import Record
from detour_agent.domain.ports import Place
from detour_agent.errors import Unreachable
from detour_agent.steps.places import guest_of, place_of
from detour_crds.attachment_switch import ObjectRef, Order, Qemu, Stage, Top
from detour_crds.names import HOLDER_OVERLAY_PATH
from detour_crds.volume_migration import OverlayPlace, OverlaySpec
from unit.agent.machine import FINISHER, GUEST, OVERLAY_HOLDER, UID, Agent, Machine

NAME = f".detour-{UID}-1"


def on_claim(machine: Machine) -> Agent:
    agent = Agent(machine)
    agent.switch = dataclasses.replace(
        agent.switch,
        overlay=OverlaySpec(where=OverlayPlace.CLAIM),
        compute=dataclasses.replace(
            agent.switch.compute, overlay_pod=ObjectRef(name="overlay", uid="o")
        ),
    )
    return agent


def place(agent: Agent) -> Place | None:
    ports = agent.passes.ports
    return place_of(agent.switch, ports, guest_of(agent.switch, ports))


def test_while_the_guest_runs_a_pod_of_its_own_has_it():
    agent = on_claim(Machine())
    assert place(agent) == Place(process=OVERLAY_HOLDER, base=HOLDER_OVERLAY_PATH, name=NAME)


def test_until_that_pod_is_recorded_nobody_has():
    agent = on_claim(Machine())
    compute = dataclasses.replace(agent.switch.compute, overlay_pod=None)
    agent.switch = dataclasses.replace(agent.switch, compute=compute)
    assert place(agent).process is None


def test_while_that_pod_is_gone_the_launcher_shows_it():
    """An intent is beside the overlay all the same: the node may be lost the next moment."""
    agent = on_claim(Machine())
    agent.machine.find_overlay_holder = lambda _pod_uid: None
    shown = agent.switch.overlay_folder
    assert place(agent) == Place(process=GUEST, base="", name=NAME, exposed=shown)


@pytest.mark.parametrize("end", [Order.SOURCE, Order.DESTINATION])
def test_after_the_end_nobody_waits_for_that_pod(end: Order):
    agent = on_claim(Machine())
    for order in (Order.OVERLAY, Order.MIRRORED, end):
        agent.reach(order)
    agent.machine.find_overlay_holder = lambda _pod_uid: None
    agent.machine.unmounted = True
    let_go(agent)
    agent.restart()
    node = agent.settle()
    assert (node.reached, node.overlay, node.last_error) == (end, None, None)


def test_of_a_guest_that_is_gone_the_finisher_has():
    agent = on_claim(Machine())
    agent.guest_stops()
    assert place(agent) == Place(process=FINISHER, base=HOLDER_OVERLAY_PATH, name=NAME)


@pytest.mark.parametrize("end", [Order.SOURCE, Order.DESTINATION])
def test_a_node_that_comes_back_after_the_end_has_nothing_left_to_do(end: Order):
    """Its pods are gone, and the operator let the overlay's claim go with the lock."""
    agent = on_claim(Machine())
    agent.reach(Order.OVERLAY)
    agent.reach(Order.MIRRORED)
    agent.reach(end)
    assert agent.machine.overlays
    agent.machine.gone = agent.machine.unmounted = True
    agent.restart()
    with pytest.raises(AssertionError, match="never settles"):
        agent.settle()
    assert agent.switch.node.last_error.reason == "OverlayPlaceUnreachable"
    compute = dataclasses.replace(agent.switch.compute, locked=False)
    agent.switch = dataclasses.replace(agent.switch, compute=compute)
    agent.restart()
    node = agent.settle()
    assert (node.reached, node.overlay, node.last_error) == (end, None, None)


def beside_source(machine: Machine) -> Agent:
    agent = Agent(machine)
    overlay = OverlaySpec(where=OverlayPlace.SOURCE_VOLUME)
    agent.switch = dataclasses.replace(agent.switch, overlay=overlay)
    for order in (Order.OVERLAY, Order.MIRRORED):
        agent.reach(order)
    return agent


def let_go(agent: Agent) -> None:
    compute = dataclasses.replace(agent.switch.compute, locked=False)
    agent.switch = dataclasses.replace(agent.switch, compute=compute)


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("end", [Order.SOURCE, Order.DESTINATION])
def test_a_folder_beside_the_source_that_nobody_can_reach_is_told_of(end: Order, restarted: bool):
    """Of a guest that is gone at the end; nobody mounts its volume for that."""
    agent = beside_source(Machine())
    agent.reach(end)
    agent.machine.gone = agent.machine.unmounted = True
    agent.once()
    if restarted:
        agent.restart()
    let_go(agent)
    node = agent.settle()
    assert (node.reached, node.overlay, node.last_error.reason) == (end, None, "OverlayLeft")
    assert NAME in node.last_error.message
    again = agent.settle()
    assert again.last_error == node.last_error


@pytest.mark.parametrize("end", [Order.SOURCE, Order.DESTINATION])
def test_one_that_was_removed_is_not(end: Order):
    agent = beside_source(Machine())
    agent.reach(end)
    agent.settle()
    assert not agent.machine.overlays
    agent.machine.gone = agent.machine.unmounted = True
    let_go(agent)
    assert agent.settle().last_error is None


class OtherNode(Machine):
    """Has no journal of its own, and reaches the one beside the overlay with the finisher only."""

    mounted: bool = False

    def read(self, uid: str) -> Record | None:
        if not self.mounted:
            raise Unreachable("OverlayPlaceUnreachable", "not mounted")
        return super().read(uid)

    def find_finisher(self, pod_uid: str):
        return super().find_finisher(pod_uid) if self.mounted else None


@pytest.mark.parametrize("reported", [True, False])
def test_another_node_waits_for_the_journal_and_does_not_take_it_for_missing(reported: bool):
    """The first one may have been lost before it reported what it had begun."""
    agent = on_claim(Machine())
    agent.reach(Order.OVERLAY)
    if not reported:
        node = dataclasses.replace(agent.switch.node, stage=None, reached=Order.NONE)
        agent.switch = dataclasses.replace(agent.switch, node=node)
    told = agent.switch.node
    elsewhere = OtherNode(**vars(agent.machine))
    elsewhere.gone, elsewhere.unmounted = True, True
    agent.machine = elsewhere
    agent.restart()
    agent.guest_stops()
    agent.order(Order.SOURCE)
    for _ in range(3):
        agent.once()
    node = agent.switch.node
    stage = told.stage or Stage.MISSING
    assert (node.stage, node.reached, node.stopped) == (stage, told.reached, None)
    assert (node.row, node.top, node.last_error.reason) == (
        "U1",
        Top.UNKNOWN,
        "JournalUnreachable",
    )
    elsewhere.mounted, elsewhere.unmounted = True, False
    assert agent.reach(Order.SOURCE).stage is Stage.CANCELLED
    assert elsewhere.source == elsewhere.writes


def test_a_guest_that_was_seen_to_be_gone_is_so_while_the_finisher_is_replaced():
    """Else the operator would wait for the agent, and the agent for the new finisher."""
    agent = on_claim(Machine())
    agent.reach(Order.OVERLAY)
    elsewhere = OtherNode(**vars(agent.machine))
    elsewhere.gone = elsewhere.mounted = True
    agent.machine = elsewhere
    agent.restart()
    agent.guest_stops()
    agent.once()
    assert agent.switch.node.qemu is Qemu.GONE
    elsewhere.mounted, elsewhere.unmounted = False, True
    agent.restart()
    agent.once()
    node = agent.switch.node
    assert (node.row, node.top, node.qemu) == ("U1", Top.UNKNOWN, Qemu.GONE)
    assert node.last_error.reason == "JournalUnreachable"
