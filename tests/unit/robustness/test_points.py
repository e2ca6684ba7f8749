"""The list of fail points is whole, and what it says of them is still so."""

import typing

from detour_agent import guarding
from detour_agent.domain.step import Action
from detour_agent.steps.carry_out import PASSIVE
from detour_crds.attachment_switch import Order
from detour_operator.compute_side import actions as compute
from detour_operator.plans import actions as plans
from detour_operator.storage_side import actions as storage
from robustness import points, systematic
from robustness.plan import Kind, Move

EFFECTS = [*points.operator(), *points.agent()]


def test_each_effect_is_listed_once():
    assert len(EFFECTS) == len(set(EFFECTS))
    for side, union in (
        ("storage", storage.Action),
        ("compute", compute.Action),
        ("plans", plans.Action),
    ):
        names = {f"{side}.{action.__name__}" for action in typing.get_args(union)}
        assert names <= set(EFFECTS)
    assert {f"compute.record.order.{order}" for order in Order if order} <= set(EFFECTS)


def test_there_are_no_more_kinds_of_steps_than_of_ports():
    """A step has its effects through a port, so that it needs no point of its own."""
    assert len(frozenset(Action) - PASSIVE) > 0
    assert {effect.split(".")[1] for effect in points.agent()} == {
        port for port in guarding.PORTS if guarding.effects(port)
    }


def test_no_effect_is_explained_that_is_not_there():
    assert points.ELSEWHERE.keys() <= set(EFFECTS)
    named = {effect for group in points.ONLY for effect in group}
    assert named <= set(EFFECTS)


def test_every_point_is_met_by_a_systematic_run_or_explained():
    runs = {**systematic.RUNS, **systematic.BY_STORAGE}
    met = {point for move, _ in runs.values() for point in points.reachable(move)}
    left = [name for name in EFFECTS if name not in points.ELSEWHERE]
    assert set(points.points(left)) == met


def test_a_stopped_machine_has_no_agent():
    offline = points.reachable(Move(kind=Kind.OFFLINE, overlay=""))
    assert not [point for point in offline if point.startswith("agent.")]
    assert "storage.CreateJob.before" in offline
