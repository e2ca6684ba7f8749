"""The decisions in a world of crashes: no write is ever lost, and an end can always be reached."""

import collections
import dataclasses

import pytest

from detour_agent.domain.conditions import ON_CANCEL, ON_COMMITPIVOT, ON_MIRROR
from detour_agent.domain.decisions import RULES
from detour_agent.domain.situation import Job
from detour_agent.domain.step import Action, Rule, Step
from detour_crds.attachment_switch import Order, Stage
from unit.agent import world
from unit.agent.world import World


@pytest.fixture(scope="module")
def edges() -> dict[World, tuple[World, ...]]:
    return world.explore()


def test_no_reachable_world_breaks_a_promise(edges):
    assert world.broken(edges) == []


def test_the_exploration_sees_every_kind_of_situation(edges):
    assert {here.stage for here in edges} >= {
        Stage.START,
        Stage.OVERLAY,
        Stage.MIRROR,
        Stage.PIVOT,
        Stage.DONE,
        Stage.REFUSED,
        Stage.CANCEL,
        Stage.COMMITPIVOT,
        Stage.CANCELLED,
    }
    assert any(here.healing for here in edges)
    assert any(here.ended() and here.reported is Order.DESTINATION for here in edges)


def test_from_every_reachable_world_an_end_can_be_reached(edges):
    before = collections.defaultdict(set)
    for here, following in edges.items():
        for there in following:
            before[there].add(here)
    todo = [here for here in edges if here.ended()]
    leads_to_an_end = set(todo)
    while todo:
        for here in before[todo.pop()] - leads_to_an_end:
            leads_to_an_end.add(here)
            todo.append(here)
    assert set(edges) - leads_to_an_end == set()


def changed(row: str, step: Step, matches=None, rules=RULES) -> tuple[Rule, ...]:
    """The table with one row's step, and perhaps its condition, replaced, and put first."""
    old = next(rule for rule in rules if rule.row == row)
    new = dataclasses.replace(
        old, matches=matches or old.matches, step=lambda _wanted, _seen: step
    )
    return (new, *(rule for rule in rules if rule is not old))


def blind_commit() -> tuple[Rule, ...]:
    """Commits without a look at the path; the looks at QEMU's base behind it have to go too."""
    rules = changed(
        "C4",
        Step("C4", Action.COMMIT),
        lambda wanted, seen: ON_CANCEL(wanted, seen) and seen.job is Job.NONE,
    )
    rules = changed("C6", Step("C6", Action.JOURNAL, stage=Stage.COMMITPIVOT), rules=rules)
    return changed(
        "C7",
        Step("C7", Action.COMMIT_PIVOT),
        lambda wanted, seen: ON_COMMITPIVOT(wanted, seen) and seen.job is Job.COMMIT_READY,
        rules=rules,
    )


MUTATIONS = {
    "commit with the destination at the path": blind_commit(),
    "pivot without the intent": changed("L14", Step("L14", Action.PIVOT)),
    "commit pivot without the intent": changed("C6", Step("C6", Action.COMMIT_PIVOT)),
    "pivot before the mirror is ready": changed(
        "L12",
        Step("L12", Action.PIVOT),
        lambda wanted, seen: ON_MIRROR(wanted, seen) and seen.job is Job.MIRROR,
    ),
    "a retracted pivot taken for a pivot": changed(
        "L16", Step("L16", Action.JOURNAL, stage=Stage.DONE)
    ),
    "a retracted commit taken for a commit": changed(
        "C8", Step("C8", Action.JOURNAL, stage=Stage.CANCELLED)
    ),
    "the overlay removed while it is in use": changed("L6", Step("L6", Action.REMOVE_OVERLAY)),
    "a lost start taken for a start that has not happened": changed(
        "H1", Step("H1", Action.DISCARD)
    ),
    "an undone start taken for a start that holds": changed(
        "H5", Step("H5", Action.JOURNAL, stage=Stage.START)
    ),
}


@pytest.mark.parametrize("rules", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_mutated_decision_loses_data(rules):
    assert world.broken(world.explore(rules)) != []
