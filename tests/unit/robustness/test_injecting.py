"""Faults happen at their moments, once, and every one of them is ended."""

import dataclasses
import os
import subprocess
import sys
import time
import uuid

import pytest

from harness.processes import command
from robustness import arming, injecting
from robustness.faults.api import CutOff
from robustness.faults.fault import Fault
from robustness.injecting import DONE, NOT_REACHED, Injector
from robustness.plan import DIE, Injection, Kind, Move, Run, Stage
from robustness.scene import AGENT, NodeOffError, NothingThereError
from robustness.systematic import EveryPoint, Systematic

LIVE = Move(kind=Kind.LIVE)


class Recorded(Fault):
    """Notes what was done."""

    def __init__(self, story, seconds=0, error=None):
        self.story, self.seconds, self.error = story, seconds, error

    def inject(self, scene):
        self.story.append("inject")
        if self.error:
            raise self.error

    def undo(self, scene):
        self.story.append("undo")


class Migrating:
    """A migration of which a user sees these conditions."""

    def __init__(self):
        self.shown = {}

    def object(self):
        listed = [{"type": kind, "status": "True"} for kind in self.shown]
        return {"status": {"phase": "Preparing", "conditions": listed}}


@dataclasses.dataclass
class FakeScene:
    migration: Migrating = dataclasses.field(default_factory=Migrating)


class FakePoints:
    def __init__(self):
        self.armed, self.reached = {}, set()

    def arm(self, points, told="kill"):
        self.armed |= dict.fromkeys(points, told)

    def hit(self):
        return self.reached

    def disarm(self):
        self.armed = {}


@pytest.fixture
def now(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(injecting.time, "monotonic", lambda: clock["now"])
    return clock


def injector(fault, points=None, **moment):
    run = Run(seed=1, move=LIVE, injections=(Injection(fault="kill libvirt", **moment),))
    made = Injector(run, points)
    made.planned[0].fault = fault
    return made


def test_at_its_stage_and_some_time_later_and_undone_after_its_time(now):
    story, scene = [], FakeScene()
    made = injector(Recorded(story, seconds=5), stage=Stage.LOCKED, milliseconds=500)
    for at, shown, expected in [
        (0.0, [], []),
        (10.0, ["Locked"], []),
        (10.4, [], []),
        (10.5, [], ["inject"]),
        (15.4, [], ["inject"]),
        (15.5, [], ["inject", "undo"]),
        (90.0, [], ["inject", "undo"]),
    ]:
        now["now"], scene.migration.shown = at, shown
        made.tick(scene)
        assert story == expected, at
    assert made.planned[0].told == DONE


def test_what_never_came_is_told_and_does_not_come_after_the_end(now):
    story, scene = [], FakeScene()
    made = injector(Recorded(story), stage=Stage.RELEASED)
    made.tick(scene)
    made.end(scene)
    scene.migration.shown = ["SourceReleased"]
    made.tick(scene)
    assert "inject" not in story
    assert made.planned[0].told == NOT_REACHED


@pytest.mark.parametrize("error", [NothingThereError("no copier now"), NodeOffError("node-1")])
def test_a_fault_that_cannot_happen_is_told_and_ended_all_the_same(now, error):
    story, scene = [], FakeScene()
    made = injector(Recorded(story, seconds=5, error=error))
    made.tick(scene)
    assert str(error) in made.planned[0].told
    made.tick(scene)
    assert made.end(scene) == []
    assert story == ["inject", "undo"]


def test_while_a_point_holds_the_process_up(now):
    story, scene, points = [], FakeScene(), FakePoints()
    made = injector(Recorded(story), points, point="agent.domain.pivot.before")
    made.arm()
    assert points.armed == {"agent.domain.pivot.before": str(injecting.HELD_SECONDS)}
    made.tick(scene)
    assert story == []
    points.reached = {"agent.domain.pivot.before"}
    for later in (injecting.LOOK_SECONDS, 1.0, 2.0):
        now["now"] = later
        made.tick(scene)
    assert story == ["inject"]


def test_who_is_to_die_at_a_point_is_killed_by_it():
    points = FakePoints()
    run = Run(
        seed=1, move=LIVE, injections=(Injection(fault=DIE, point="storage.CreateJob.after"),)
    )
    Injector(run, points).arm()
    assert points.armed == {"storage.CreateJob.after": "kill"}


def test_a_systematic_run_arms_all_that_is_left_and_keeps_the_moment_of_its_own_fault():
    points = FakePoints()
    own = Injection(fault="user: cancel", point="b.before")
    run = Run(seed=0, move=LIVE, injections=(own,))
    EveryPoint(run, points, {"a.before", "b.before"}).arm()
    assert points.armed == {"a.before": "kill", "b.before": str(injecting.HELD_SECONDS)}


class Ending:
    """Migrations that are gone once they were deleted, and who deletes them."""

    def __init__(self):
        self.name, self.namespace = "m", "ns"
        self.migrations, self.kube, self.there = [self], self, True

    def delete(self, kind, name, namespace, *flags):
        self.there = False

    def object(self):
        return {"there": True} if self.there else {}

    def switch(self):
        return self.object()


def test_a_systematic_run_ends_with_the_deletion_and_knows_what_it_met():
    points = FakePoints()
    run = Run(seed=0, move=LIVE, injections=())
    every = EveryPoint(run, points, {"a.before", "b.before"})
    every.arm()
    points.reached = {"a.before", "of.an.earlier.run"}
    ending = Ending()
    assert every.end(ending) == []
    assert every.met == {"a.before"}
    assert not ending.there
    assert points.armed == {}


def test_what_no_systematic_run_has_met_is_told():
    systematic = Systematic(None, FakePoints())
    assert not systematic.rest().good
    assert "compute.HandInstance.before" in systematic.rest().problems[0]
    assert "compute.TakeMarkOff.before" not in systematic.rest().problems[0]
    systematic.left.clear()
    assert systematic.rest().good


class Here:
    """A node that is this machine; its pods are as they are given."""

    def __init__(self, pods=()):
        self.found, self.commands = list(pods), []

    def pods(self, who):
        return self.found

    def on_node(self, node, *command, check=True):
        self.commands.append(command)
        return ""


@pytest.mark.thorough
def test_the_processes_of_a_pod_are_found_by_its_name():
    name = f"pod-{uuid.uuid4()}"
    wait = [sys.executable, "-c", "import time; time.sleep(60)"]
    mine, other = (
        subprocess.Popen(wait, env={**os.environ, "HOSTNAME": host})
        for host in (name, f"{name}-2")
    )
    try:
        until = time.monotonic() + 30
        signal = command(name, "KILL")
        while subprocess.run(signal, check=False).returncode:
            assert time.monotonic() < until
        assert mine.wait(30) == -9
        assert other.poll() is None
        assert subprocess.run(signal, check=False).returncode == 1, "nothing of it is left"
    finally:
        other.kill()
        other.wait()


def test_who_was_cut_off_is_let_back_by_the_same_rules():
    pod = {"spec": {"nodeName": "n"}, "status": {"podIP": "10.0.0.7"}}
    here, fault = Here([pod]), CutOff(AGENT)
    fault.inject(here)
    cut = [command[3:] for command in here.commands]
    assert len(cut) == 2
    fault.undo(here)
    fault.undo(here)
    back = [command[3:] for command in here.commands[2:]]
    assert sorted(back) == sorted(cut)
    assert {command[2] for command in here.commands} == {"-I", "-D"}


def test_points_are_armed_and_forgotten_by_files(tmp_path):
    folder = str(tmp_path / "fail-points")

    def run(script, *words):
        subprocess.run(["sh", "-euc", script, "sh", folder, *words], check=True)

    run(arming.EMPTY)
    run(arming.ARM, "kill", "a.before", "b.after")
    made = {path.name: path.read_text() for path in (tmp_path / "fail-points").iterdir()}
    assert made == {"a.before": "kill", "b.after": "kill"}
    run(arming.EMPTY)
    assert list((tmp_path / "fail-points").iterdir()) == []
    run(arming.REMOVE)
    assert list(tmp_path.iterdir()) == []
