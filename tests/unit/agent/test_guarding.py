"""Every effect of the agent lies between two fail points."""

import contextlib
import dataclasses
import inspect
from pathlib import Path

import pytest

import detour_failpoints
from detour_agent import guarding
from detour_agent.domain.ports import Ports
from detour_agent.one_pass import Passes
from detour_crds.attachment_switch import Stage
from unit.agent.machine import Agent, Machine
from unit.agent.test_passes import STORIES


class Recorder:
    """Notes each point that is passed, and whether one is around what happens."""

    def __init__(self):
        self.passed = []
        self.inside = False

    @contextlib.contextmanager
    def around(self, *effects):
        assert not self.inside, "one effect in another"
        self.passed += effects
        self.inside = True
        try:
            yield
        finally:
            self.inside = False


class Watched(Machine):
    """Its effects happen between two points."""

    recorder: Recorder

    def effect(self, name, change):
        assert self.recorder.inside, f"{name} has no fail point"
        super().effect(name, change)


class GuardedAgent(Agent):
    def restart(self):
        super().restart()
        guarded = guarding.guarded(self, "reports")
        self.passes = Passes(guarding.ports(self.passes.ports), guarded)


@pytest.fixture
def recorder(monkeypatch):
    found = Recorder()
    monkeypatch.setattr(Watched, "recorder", found, raising=False)
    monkeypatch.setattr(detour_failpoints, "around", found.around)
    detour_failpoints.watch(Path("/nowhere"))
    yield found
    detour_failpoints.watch(None)


@pytest.mark.parametrize("story", STORIES)
def test_each_effect_of_a_move_has_its_points(recorder, story):
    agent = GuardedAgent(Watched())
    STORIES[story](agent)
    assert agent.machine.effects
    known = {f"agent.{port}.{verb}" for port in guarding.PORTS for verb in guarding.effects(port)}
    stages = {f"agent.journal.write.{stage}" for stage in Stage}
    assert set(recorder.passed) <= known | stages


def test_the_intent_has_a_point_for_each_stage(recorder):
    STORIES["move"](GuardedAgent(Watched()))
    journals = [point for point in recorder.passed if point.startswith("agent.journal.")]
    assert list(dict.fromkeys(journals)) == [
        f"agent.journal.write.{stage}"
        for stage in ("none", "start", "overlay", "mirror", "pivot", "done")
        if f"agent.journal.write.{stage}" in journals
    ]
    assert "agent.domain.pivot" in recorder.passed
    assert "agent.reports.patch_node" in recorder.passed


def test_off_the_ports_are_what_they_were():
    agent = Agent(Machine())
    ports = agent.passes.ports
    assert guarding.ports(ports) is ports
    assert guarding.guarded(agent, "reports") is agent


def test_looks_are_verbs_that_exist():
    assert guarding.LOOKS.keys() == guarding.PORTS.keys()
    for port, looks in guarding.LOOKS.items():
        verbs = {name for name, _ in inspect.getmembers(guarding.PORTS[port], inspect.isfunction)}
        assert looks <= verbs, port


def test_every_port_is_guarded():
    names = {field.name for field in dataclasses.fields(Ports)} - {"connect"}
    assert names <= guarding.PORTS.keys()
