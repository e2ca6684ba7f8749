"""How a run is followed: ends, stops that are answered, and what is checked afterwards."""

import pytest

from harness.kube import KubectlError
from robustness import __main__ as command
from robustness import checks, running
from robustness.injecting import Injector
from robustness.outcome import End, Outcome
from robustness.plan import CRASH, Injection, Kind, Move, Run, Stage
from robustness.running import Running
from robustness.systematic import RUNS

STOP = "AmbiguousPivot-12345678-1"


class FakeKube:
    def __init__(self):
        self.patches = []

    def patch(self, kind, name, namespace, patch):
        self.patches.append(patch)


class FakeMigration:
    def __init__(self, *shown):
        self.name, self.namespace, self.shown = "m", "ns", list(shown)

    def object(self):
        return self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]

    def switch(self):
        return {}

    def story(self):
        return "its story"


class FakeScene:
    def __init__(self, migration):
        self.migrations, self.kube = [migration], FakeKube()
        self.migration = migration


def shown(**conditions):
    listed = [
        {"type": kind, "status": status, "reason": reason}
        for kind, (status, reason) in conditions.items()
    ]
    return {"status": {"conditions": listed}}


STOPPED = shown(Succeeded=("Unknown", "Merging"), Stalled=("True", "AmbiguousPivot"))
STOPPED["status"]["stop"] = STOP
ENDED = shown(Succeeded=("True", "Moved"))


@pytest.fixture
def quick(monkeypatch):
    clock = {"now": 0.0}

    def later(seconds):
        clock["now"] += 5

    monkeypatch.setattr(running.time, "sleep", later)
    monkeypatch.setattr(running.time, "monotonic", lambda: clock["now"])


def followed(scene, move=None, injections=()):
    run = Run(seed=1, move=move or Move(kind=Kind.LIVE), injections=injections)
    made = Running(None, run, Injector(run, None))
    made._follow(scene)
    return made


def test_a_stop_that_lasts_is_answered_once_and_the_move_goes_on(quick):
    scene = FakeScene(FakeMigration(*[STOPPED] * 12, ENDED))
    made = followed(scene)
    assert scene.kube.patches == [{"spec": {"trust": "Overlay", "answeredStop": STOP}}]
    assert made._outcomes["m"].words() == "stop AmbiguousPivot, then completed"


def test_a_stop_that_passes_is_not_answered(quick):
    scene = FakeScene(FakeMigration(STOPPED, shown(), STOPPED, shown(), STOPPED, ENDED))
    followed(scene)
    assert scene.kube.patches == []


def test_a_stop_that_nobody_knows_an_answer_for_ends_the_run(quick):
    stop = shown(Stalled=("True", "ChainAgainstRecord"))
    with pytest.raises(AssertionError, match="its story"):
        followed(FakeScene(FakeMigration(stop)))


def test_one_that_does_not_end_is_given_up_with_its_story(quick):
    with pytest.raises(AssertionError, match="its story"):
        followed(FakeScene(FakeMigration(shown())))


def test_an_api_server_that_is_away_is_asked_again(quick):
    class Away(FakeMigration):
        tries = 0

        def object(self):
            self.tries += 1
            if self.tries < 5:
                raise KubectlError(("get",), "connection refused")
            return ENDED

    assert followed(FakeScene(Away()))._outcomes["m"].end is End.COMPLETED


def test_a_migration_that_was_deleted_is_gone(quick):
    assert followed(FakeScene(FakeMigration({})))._outcomes["m"].end is End.GONE


def test_a_guest_that_stopped_may_fail_a_move_only_where_that_was_asked_for():
    crash = (Injection(fault=CRASH, stage=Stage.COPYING),)
    failed = Outcome(end=End.FAILED, reason="GuestStopped")
    for when, complaints in (("Cancel", False), ("Auto", True)):
        run = Run(seed=1, move=Move(kind=Kind.STOPPED, when_stopped=when), injections=crash)
        assert bool(Running(None, run, Injector(run, None))._complaints(failed)) is complaints


@pytest.mark.parametrize(
    ("end", "claim"),
    [(End.COMPLETED, "m"), (End.CANCELLED, "old"), (End.FAILED, "old"), (End.GONE, "")],
)
def test_where_the_disk_has_to_be(end, claim):
    assert checks.outcome_claim(Outcome(end=end), "old", "m") == claim


def test_parts_of_the_whole():
    everything, random = command.parts("", storage_copies=True)
    assert everything == [*RUNS, "snapshot"]
    assert random
    assert command.parts("random", storage_copies=True) == ([], True)
    assert command.parts("points-cancel", storage_copies=False) == (["cancel"], False)
    with pytest.raises(LookupError, match="points-live"):
        command.parts("points-nothing", storage_copies=False)
