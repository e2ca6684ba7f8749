"""The guest on the overlay is slowed down, given free and woken, whatever dies meanwhile."""

import dataclasses
import itertools

import pytest

from detour_agent.domain.budget import GIB, LEAST_WRITE_RATE
from detour_agent.domain.journal import decode
from detour_agent.domain.throttle import write_rate
from detour_agent.errors import StepFailed
from detour_crds.attachment_switch import Order, Pressure, Stage, Top
from detour_crds.volume_migration import NearLimit, OverlaySpec
from unit.agent.machine import BEFORE, Agent, Machine

LIMIT = 10 * GIB


def on_overlay(near_limit: NearLimit = NearLimit.THROTTLE, **machine: object) -> Agent:
    agent = Agent(Machine(**machine))
    spec = OverlaySpec(limit="10Gi", near_limit=near_limit)
    agent.switch = dataclasses.replace(agent.switch, overlay=spec)
    agent.reach(Order.OVERLAY)
    return agent


def grown(agent: Agent, taken: float) -> None:
    agent.machine.taken = round(taken)
    agent.once()


def test_the_limit_is_recorded_and_reported():
    agent = on_overlay()
    assert decode(agent.machine.journal).limit_bytes == LIMIT
    assert agent.switch.node.overlay.limit_bytes == LIMIT
    assert agent.switch.node.overlay.pressure is None


def test_without_a_limit_it_is_what_the_node_can_spare():
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    assert agent.switch.node.overlay.limit_bytes == 79 * GIB


def test_writes_are_slowed_down_and_given_free_when_there_is_room_again():
    agent = on_overlay()
    grown(agent, 9 * GIB)
    assert agent.switch.node.overlay.pressure is Pressure.THROTTLED
    first = write_rate(agent.machine.limits)
    grown(agent, 9.5 * GIB)
    assert LEAST_WRITE_RATE <= write_rate(agent.machine.limits) < first
    assert decode(agent.machine.journal).tune_before == BEFORE
    grown(agent, 2 * GIB)
    grown(agent, 2 * GIB)
    assert agent.machine.limits == BEFORE
    assert decode(agent.machine.journal).tune_before is None
    assert agent.switch.node.overlay.pressure is None


@pytest.mark.parametrize("end", [Order.DESTINATION, Order.SOURCE])
def test_at_the_end_the_limits_are_as_they_were(end):
    agent = on_overlay()
    grown(agent, 9 * GIB)
    if end is Order.DESTINATION:
        agent.reach(Order.MIRRORED)
    agent.reach(end)
    agent.settle()
    assert agent.machine.limits == BEFORE
    assert decode(agent.machine.journal).tune_before is None
    assert not agent.machine.overlays


@pytest.mark.thorough
@pytest.mark.parametrize("die_at", range(60))
@pytest.mark.parametrize("end", [Order.DESTINATION, Order.SOURCE])
def test_an_agent_that_dies_anywhere_leaves_no_throttle_behind(end, die_at):
    agent = on_overlay(die_at=-1)
    agent.machine.die_at = die_at
    grown(agent, 9 * GIB)
    grown(agent, 9 * GIB)
    if end is Order.DESTINATION:
        agent.reach(Order.MIRRORED)
    agent.reach(end)
    agent.settle()
    assert agent.machine.limits == BEFORE
    assert agent.machine.top is Top(end.value)


def test_the_end_waits_until_the_limits_can_be_put_back():
    agent = on_overlay()
    grown(agent, 9 * GIB)
    agent.order(Order.SOURCE)
    for _ in range(30):
        agent.machine.fail["tune"] = StepFailed("ThrottleFailed", "busy")
        assert agent.once() is not None
    assert agent.switch.node.last_error.reason == "ThrottleFailed"
    assert agent.switch.node.reached is not Order.SOURCE, "the switch could be deleted then"
    assert agent.machine.overlays
    agent.machine.fail.clear()
    agent.reach(Order.SOURCE)
    assert agent.settle().last_error is None
    assert agent.machine.limits == BEFORE
    assert not agent.machine.overlays


def test_a_throttle_that_fails_holds_no_step_up():
    agent = on_overlay()
    agent.machine.taken = 9 * GIB
    agent.machine.fail["tune"] = StepFailed("ThrottleFailed", "busy")
    agent.order(Order.MIRRORED)
    agent.once()
    assert decode(agent.machine.journal).stage is Stage.MIRROR


def test_the_limit_is_told_and_the_way_back_is_not_told_again():
    agent = on_overlay(NearLimit.CANCEL)
    for _ in range(20):
        grown(agent, 8.5 * GIB)
    assert agent.switch.node.overlay.pressure is Pressure.NEAR
    assert agent.machine.limits == BEFORE
    grown(agent, 10 * GIB)
    assert agent.switch.node.overlay.pressure is Pressure.REACHED
    agent.reach(Order.SOURCE)
    agent.settle()
    assert agent.machine.limits == BEFORE


def test_near_the_limit_it_is_looked_at_often():
    agent = on_overlay(NearLimit.CANCEL)
    agent.once()
    assert agent.once() > 1
    agent.machine.taken = round(9.9 * GIB)
    agent.once()
    assert agent.once() == 0.5


def test_a_guest_that_found_no_room_is_woken_once_there_is_some():
    agent = on_overlay(NearLimit.CANCEL)
    agent.machine.free, agent.machine.asleep = 0, True
    for _ in range(3):
        agent.once()
    assert "wake" not in agent.machine.effects
    assert agent.switch.node.overlay.pressure is Pressure.REACHED
    agent.machine.free = 50 * GIB
    agent.once()
    assert not agent.machine.asleep
    assert agent.machine.effects.count("wake") == 1


def test_a_guest_that_sleeps_again_is_woken_ever_later():
    agent = on_overlay(NearLimit.CANCEL)
    agent.machine.asleep = True
    woken = []
    for _ in range(60):
        before = agent.machine.effects.count("wake")
        agent.once()
        if agent.machine.effects.count("wake") > before:
            woken.append(agent.machine.time)
            agent.machine.asleep = True
    pauses = [later - earlier for earlier, later in itertools.pairwise(woken)]
    assert 2 < len(pauses) < 10
    assert pauses == sorted(pauses)


def test_a_guest_without_room_is_woken_on_the_source():
    agent = on_overlay(NearLimit.CANCEL)
    agent.machine.free, agent.machine.asleep = 0, True
    agent.order(Order.SOURCE)
    for _ in range(20):
        agent.once()
    agent.machine.free = 1
    agent.settle()
    assert not agent.machine.asleep
    assert agent.machine.source == agent.machine.writes
