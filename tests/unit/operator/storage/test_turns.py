"""A move that could begin asks for its turn, and gives up its place where it does not begin."""

import pytest

from detour_operator import storage_side
from detour_operator.reconcile.turn import Turn, Wish
from unit.operator.storage.reconciling import MACHINE, MIGRATION, NAMESPACE, SETTINGS


class Line:
    """Gives turns as it is told, and notes who asked and who left."""

    def __init__(self):
        self.turn, self.asked, self.left = Turn(given=False, why="others came first"), [], []

    def ask(self, wish):
        self.asked.append(wish)
        return self.turn

    def withdraw(self, namespace, name):
        self.left.append((namespace, name))


@pytest.fixture
def line(ready):
    found = Line()
    ready.side = storage_side.reconciler(ready.side._api, SETTINGS, found)
    return found


def condition(ready, kind="Ready"):
    return next(
        item for item in ready.objects[MIGRATION]["status"]["conditions"] if item["type"] == kind
    )


def test_until_its_turn_nothing_is_made(ready, line):
    ready.objects[MIGRATION]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    after = ready.side.reconcile("ns", "m").after
    assert ready.written() == [("PATCH", f"{MIGRATION}/status")]
    assert after == 300.0, "who has a turn is woken"
    told = condition(ready)
    assert (told["status"], told["reason"], told["message"]) == (
        "False",
        "Queued",
        "others came first",
    )
    assert ready.objects[MIGRATION]["status"]["phase"] == "Pending"
    assert line.asked == [
        Wish(
            namespace="ns",
            name="m",
            created="2026-01-01T00:00:00Z",
            virtual_machine="vm",
            storage_classes=frozenset({"fast"}),
        )
    ]
    assert line.left == []
    line.turn = Turn()
    ready.side.reconcile("ns", "m")
    assert ("POST", f"{NAMESPACE}/persistentvolumeclaims") in ready.written()
    assert line.left == []


def test_one_that_is_refused_gives_its_place_up(ready, line):
    del ready.objects[MACHINE]
    ready.side.reconcile("ns", "m")
    assert condition(ready)["reason"] == "VirtualMachineNotFound"
    assert line.left == [("ns", "m")]


@pytest.mark.parametrize("wish", ["cancel", "dryRun"])
def test_one_that_is_not_to_begin_does_not_ask(ready, line, wish):
    ready.objects[MIGRATION]["spec"][wish] = True
    ready.side.reconcile("ns", "m")
    assert line.asked == []


def test_one_that_is_cancelled_while_it_waits_gives_its_place_up(ready, line):
    ready.side.reconcile("ns", "m")
    ready.objects[MIGRATION]["spec"]["cancel"] = True
    ready.side.reconcile("ns", "m")
    assert line.left == [("ns", "m")]
    assert condition(ready, "Succeeded")["reason"] == "Cancelled"


def test_so_does_one_that_is_gone(ready, line):
    del ready.objects[MIGRATION]
    ready.side.reconcile("ns", "m")
    assert line.left == [("ns", "m")]
