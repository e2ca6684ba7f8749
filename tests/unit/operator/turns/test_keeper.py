"""The line is kept by what the API says is under way, also after a restart."""

import threading

import pytest

from detour_operator.errors import Unreachable
from detour_operator.reconcile.turn import Wish
from detour_operator.settings import InFlight
from detour_operator.turns.keeper import LOOK_SECONDS, SEEN_SECONDS, Keeper
from unit.operator.api_server import serving, status

ALL = "/apis/detour.dev/v1alpha1/volumemigrations"
INSTANCE = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/"
CLAIM = "/api/v1/namespaces/ns/persistentvolumeclaims/"
ONE = InFlight(cluster=0, per_node=1, per_storage_class=0)


def migration(name, phase, node="n1"):
    return {
        "metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": "1"},
        "spec": {
            "virtualMachine": {"name": f"vm-{name}"},
            "volume": "data",
            "destination": {"claimName": f"{name}-there"},
        },
        "status": {
            "phase": phase,
            "node": node,
            "sourceClaim": f"{name}-here",
            "destinationClaim": f"{name}-there",
        },
    }


class Bench:
    """An API with migrations, and a clock."""

    def __init__(self):
        self.now, self.migrations, self.away = 0.0, [], False
        self.looks, self.woken, self.watched = 0, [], 0

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if self.away:
            return status(503, "ServiceUnavailable")
        if path == ALL:
            self.looks += 1
            return 200, {"items": self.migrations, "metadata": {}}
        if path.startswith(INSTANCE):
            return 200, {"status": {"nodeName": "n1"}}
        if path.startswith(CLAIM):
            return 200, {"metadata": {}, "spec": {"storageClassName": "fast"}}
        return status(404, "NotFound")

    def watch(self):
        self.watched += 1

    def keeper(self, limits=ONE):
        wake = lambda namespace, name: self.woken.append((namespace, name))  # noqa: E731
        return Keeper(self.api, limits, wake, self.watch, lambda: self.now)

    def later(self, *migrations):
        """All of this is under way once it is looked at again."""
        self.now += LOOK_SECONDS
        self.migrations = list(migrations)


@pytest.fixture
def bench():
    made = Bench()
    with serving(made) as server:
        made.api = server.api()
        yield made


def wish(name, created="1", classes=("fast",)):
    return Wish(
        namespace="ns",
        name=name,
        created=created,
        virtual_machine=f"vm-{name}",
        storage_classes=frozenset(classes),
    )


def test_without_limits_nothing_is_looked_at(bench):
    bench.away = True
    keeper = bench.keeper(InFlight(cluster=0, per_node=0, per_storage_class=0))
    assert keeper.ask(wish("a")).given


def test_the_second_waits_and_is_woken_when_the_first_has_ended(bench):
    keeper = bench.keeper()
    assert keeper.ask(wish("a")).given
    asked = keeper.ask(wish("b"))
    assert not asked.given
    assert "no more than 1 moves are under way on node n1" in asked.why
    assert bench.watched == 1
    bench.later(migration("a", "Copying"))
    assert keeper.reconcile("", "").after == LOOK_SECONDS
    assert bench.woken == []
    bench.later(migration("a", "Succeeded"))
    assert keeper.reconcile("", "").after is None
    assert bench.woken == [("ns", "b")]
    assert keeper.ask(wish("b")).given
    assert not keeper.ask(wish("c")).given


def test_a_look_that_takes_long_keeps_nobody_from_giving_its_place_up(bench):
    asked, answered = threading.Event(), threading.Event()

    def slowly(request):
        if request.path.startswith(ALL):
            asked.set()
            answered.wait(30)
        return bench(request)

    with serving(slowly) as server:
        bench.api = server.api()
        keeper = bench.keeper()
        asking = threading.Thread(target=keeper.ask, args=(wish("a"),))
        asking.start()
        assert asked.wait(30)
        keeper.withdraw("ns", "b")
        answered.set()
        asking.join(30)


def test_one_whose_turn_comes_when_another_asks_is_woken_as_well(bench):
    keeper = bench.keeper()
    keeper.ask(wish("a"))
    keeper.ask(wish("b", created="2"))
    bench.later(migration("a", "Copying"))
    keeper.reconcile("", "")
    bench.later()
    assert not keeper.ask(wish("c", created="3")).given
    assert bench.woken == [("ns", "b")]


@pytest.mark.parametrize("phase", ["Holding", "Refused", "Pending", "Cancelled", "Failed"])
def test_what_is_held_or_refused_or_over_is_not_under_way(bench, phase):
    bench.migrations = [migration("a", phase)]
    assert bench.keeper().ask(wish("b")).given


@pytest.mark.parametrize("phase", ["Preparing", "Copying", "Merging", "CleaningUp", "Cancelling"])
def test_a_keeper_that_knows_nothing_asks_the_api(bench, phase):
    bench.migrations = [migration("a", phase)]
    assert not bench.keeper().ask(wish("b")).given
    by_class = InFlight(cluster=0, per_node=0, per_storage_class=1)
    asked = bench.keeper(by_class).ask(wish("b"))
    assert "storage class fast" in asked.why
    assert bench.keeper(by_class).ask(wish("b", classes=["slow"])).given


def test_one_that_is_under_way_has_its_turn(bench):
    bench.migrations = [migration("a", "Preparing"), migration("b", "Preparing")]
    assert bench.keeper().ask(wish("a")).given


def test_a_turn_that_is_given_back_is_the_next_one_s(bench):
    keeper = bench.keeper()
    keeper.ask(wish("a"))
    keeper.withdraw("ns", "a")
    assert keeper.ask(wish("b")).given


def test_one_that_is_withdrawn_is_not_waited_for(bench):
    keeper = bench.keeper()
    keeper.ask(wish("a"))
    keeper.ask(wish("b"))
    keeper.withdraw("ns", "b")
    assert keeper.reconcile("", "").after is None


def test_a_turn_that_nobody_takes_is_given_to_another(bench):
    keeper = bench.keeper()
    keeper.ask(wish("a"))
    assert not keeper.ask(wish("b")).given
    bench.now += SEEN_SECONDS
    keeper.reconcile("", "")
    assert bench.woken == [("ns", "b")]


def test_a_move_that_is_soon_over_keeps_nobody_waiting(bench):
    keeper = bench.keeper()
    keeper.ask(wish("a"))
    bench.later(migration("a", "Preparing"))
    assert not keeper.ask(wish("b")).given
    bench.later()
    keeper.reconcile("", "")
    assert bench.woken == [("ns", "b")]


def test_many_that_ask_have_the_api_asked_once_in_a_while(bench):
    keeper = bench.keeper()
    for number in range(9):
        keeper.ask(wish(f"m{number}"))
    assert bench.looks == 1


def test_nothing_follows_from_not_knowing(bench):
    bench.away = True
    with pytest.raises(Unreachable):
        bench.keeper().ask(wish("a"))
