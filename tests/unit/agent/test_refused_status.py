"""A status that the API server refuses: people are told so, and nothing else is made of it."""

import dataclasses

import pytest

from detour_agent.errors import InvariantBroken, NotYet, StepFailed, Unreachable
from detour_crds.attachment_switch import LastError, Node, Order, Qemu, Top
from detour_crds.serialise import merge_patch, serialise
from unit.agent.machine import Agent, Machine

REFUSED = StepFailed("StatusRefused", "status.node.source.inode: Invalid value")


class Server(Agent):
    """Refuses what says that the guest is on the overlay, or everything with an error."""

    error = REFUSED
    refuses = staticmethod(lambda patch: patch.get("reached") == "Overlay")

    def __init__(self) -> None:
        super().__init__(Machine())
        self.asked: list[dict] = []

    def patch_node(self, switch, node):
        patch = merge_patch(serialise(switch.node), serialise(node))
        self.asked.append(patch)
        if self.refuses(patch):
            raise self.error
        super().patch_node(switch, node)


def diverting(server: Server, passes: int = 30) -> Node:
    """A guest that is on the overlay while the server does not take it; it took the inspection."""
    for _ in range(3):
        server.once()
    server.order(Order.OVERLAY)
    for _ in range(passes):
        server.once()
    assert server.machine.top is Top.OVERLAY
    return server.switch.node


def test_it_is_told_beside_the_last_status_that_was_taken():
    server = Server()
    node = diverting(server)
    assert node.inspection is not None
    assert node.last_error.reason == "StatusRefused"
    assert REFUSED.message in node.last_error.message
    assert node.token == server.switch.compute.token
    assert node.reached is not Order.OVERLAY


def test_it_is_told_once():
    server = Server()
    diverting(server)
    told = [patch for patch in server.writes if "StatusRefused" in str(patch)]
    assert [set(patch) for patch in told] == [{"lastError"}]


def test_once_the_status_is_taken_it_is_gone():
    server = Server()
    diverting(server)
    server.refuses = lambda _patch: False
    node = server.reach(Order.OVERLAY)
    assert node.last_error is None
    assert server.writes[-1]["lastError"] is None


def test_nothing_of_another_attempt_is_told_as_of_this_one():
    server = Server()
    old = Node(token="old", reached=Order.DESTINATION, refused=True, qemu=Qemu.GONE)  # noqa: S106
    server.switch = dataclasses.replace(server.switch, node=old)
    server.refuses = lambda patch: patch.get("row") is not None
    server.once()
    told = server.switch.node
    assert told.last_error.reason == "StatusRefused"
    assert dataclasses.replace(told, last_error=None) == Node(
        token=server.switch.compute.token, top=Top.UNKNOWN, qemu=Qemu.UNKNOWN
    )
    (patch,) = server.writes
    assert (patch["reached"], patch["refused"]) == (None, None)


def test_a_server_that_refuses_that_as_well_is_asked_again_later():
    server = Server()
    server.refuses = lambda _patch: True
    node = diverting(server)
    assert node == Node()
    server.refuses = lambda _patch: False
    assert server.reach(Order.OVERLAY).last_error is None


@pytest.mark.parametrize(
    "error", [Unreachable("ApiUnreachable", "away"), NotYet("SwitchReplaced", "404")]
)
def test_a_server_that_did_not_take_it_otherwise_is_told_nothing_else(error):
    server = Server()
    server.error = error
    node = diverting(server)
    assert node.last_error is None
    assert "StatusRefused" not in str(server.asked)


def test_a_stop_does_not_say_that_an_earlier_status_was_refused(monkeypatch):
    server = Server()
    diverting(server)
    failed = LastError(reason="StatusRefused", message="x")
    assert server.switch.node.last_error.reason == failed.reason
    server.refuses = lambda _patch: False

    def unreadable(_uid):
        raise InvariantBroken("JournalUnreadable", "x")

    monkeypatch.setattr(server.machine, "read", unreadable)
    server.once()
    assert server.switch.node.stopped.reason == "JournalUnreadable"
    assert server.switch.node.last_error is None
