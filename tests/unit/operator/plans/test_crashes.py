"""Killed at any of its effects, the next operator carries a plan out all the same."""

import pytest

import detour_failpoints
from detour_operator import plans
from detour_operator.errors import Conflict
from robustness import points
from unit.operator.api_server import serving
from unit.operator.plans.cluster import PLAN, Cluster

OURS = [name for name in points.operator() if name.startswith("plans.")]
MOST_PASSES = 40


class KilledError(BaseException):
    """As if the process had ended here."""


@pytest.fixture
def killed(monkeypatch):
    """Kills once at the effect of that number; counts and names those that are met."""
    met = []

    def set_up(number):
        met.clear()

        def reach(*effects):
            met.append(effects)
            if len(met) - 1 == number:
                raise KilledError

        monkeypatch.setattr(detour_failpoints, "reach", reach)
        return met

    return set_up


def look(server):
    """A pass of a process that may be killed in it; another one follows."""
    try:
        plans.reconciler(server.api()).reconcile("ns", "all")
    except (KilledError, Conflict):
        return


def scene(**spec):
    cluster = Cluster(inFlight={"total": 2}, **spec)
    for name in ("a", "b", "c"):
        cluster.machine(name, "data", "root")
    return cluster


def to_move(server, cluster):
    for _ in range(MOST_PASSES):
        look(server)
        cluster.get_on()
    assert cluster.told()["phase"] == "Succeeded"
    assert len(cluster.made) == len(set(cluster.made)) == 6
    assert cluster.told()["counts"]["succeeded"] == 6


def to_pause_and_cancel(server, cluster):
    look(server)
    look(server)
    cluster.patch(PLAN, {"spec": {"paused": True}})
    for _ in range(4):
        look(server)
    assert cluster.migrations() == {}
    cluster.patch(PLAN, {"spec": {"paused": False}})
    for _ in range(4):
        look(server)
    assert len(cluster.migrations()) == 2
    cluster.patch(PLAN, {"spec": {"cancel": True}})
    for _ in range(MOST_PASSES):
        look(server)
        cluster.get_on()
    assert cluster.told()["phase"] == "Cancelled"


def to_look(server, cluster):
    for _ in range(MOST_PASSES):
        look(server)
        cluster.get_on()
    assert cluster.told()["phase"] == "Succeeded"
    assert cluster.told()["counts"]["succeeded"] == 6
    assert cluster.migrations() == {}


STORIES = {
    "to move": (to_move, {}),
    "to pause and cancel": (to_pause_and_cancel, {}),
    "to look": (to_look, {"dryRun": True}),
}


def run(story, killed, number):
    told, spec = STORIES[story]
    met = killed(number)
    cluster = scene(**spec)
    with serving(cluster) as server:
        told(server, cluster)
    return list(met)


@pytest.mark.thorough
@pytest.mark.parametrize("story", STORIES)
def test_killed_once_anywhere(killed, story):
    count = len(run(story, killed, -1))
    assert count > 10
    for number in range(count):
        run(story, killed, number)


def test_the_stories_meet_every_effect_of_a_plan(killed):
    met = {
        effect.rpartition(".")[0]
        for story in STORIES
        for effects in run(story, killed, -1)
        for effect in effects
    }
    not_of_these = {"plans.record.window", "plans.record.disksLeftOut", "plans.record.etaSeconds"}
    assert set(OURS) - met == not_of_these
