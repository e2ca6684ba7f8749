"""Figures of a held move, from planted timelines."""

import dataclasses
import datetime
import types

import pytest

from bench import control, control_figures, overhead, watching
from bench.control_figures import MIB, QUIET_SECONDS, SECTOR, Held
from bench.moving import NotMovedError
from guest.log import Acknowledgement, Boot, Boots, Header, Latency
from guest.operations import WRITE, Operation

MOMENTS = {
    "applied": 100.0,
    "Accepted": 100.5,
    "holder pod made": 103.0,
    "Locked": 103.5,
    "claim bound": 106.0,
    "holder pod scheduled": 107.0,
    "holder pod runs": 109.0,
    "reached Overlay": 110.0,
    "SourceFrozen": 111.0,
    "copier pod made": 111.5,
    "copier pod runs": 114.0,
    "copier pod ended": 125.0,
    "Copied": 126.0,
    "hold: false": 160.0,
    "ordered Mirrored": 160.5,
    "merge seen": 161.5,
    "reached Mirrored": 164.5,
    "SourceReleased": 167.0,
    "Succeeded": 168.0,
}


def overheads(moments, plain=4.0):
    return overhead.records(moments, plain)


def test_what_a_move_waits_for_its_pods_is_no_overhead_whatever_else_is_told_meanwhile():
    frozen, _ = overheads(MOMENTS)
    assert (frozen.value, frozen.unit) == (11 - 6, "s")
    assert (frozen.goal, frozen.reached) == (12, True)
    assert "11.0 s from when the move was on the API until SourceFrozen, less 6.0 s" in frozen.how
    assert "3 times what a plain pod" in frozen.how


def test_bytes_are_merged_once_they_are_reported_and_not_from_the_order_on():
    _, released = overheads(MOMENTS)
    assert (released.value, released.unit) == (7 - 3, "s")
    assert (released.goal, released.reached) == (4, True)
    assert "7.0 s from when hold: false was on the API until SourceReleased, less 3.0 s" in (
        released.how
    )
    assert overheads(MOMENTS, plain=3.9)[1].reached is False


def test_what_was_not_seen_stays_in_the_overhead():
    unseen = {"holder pod runs", "merge seen"}
    frozen, released = overheads({k: at for k, at in MOMENTS.items() if k not in unseen})
    assert (frozen.value, released.value) == (11, 7)


def test_a_merge_that_is_over_at_the_first_look_takes_nothing_off():
    _, released = overheads({**MOMENTS, "merge seen": 164.5})
    assert released.value == 7


def test_waits_count_once_where_they_meet_and_only_inside_the_span():
    moments = {"a": 10, "b": 20, "p": 5, "q": 12, "r": 11, "s": 15, "t": 14, "u": 14.5, "v": 30}
    waits = [("p", "q"), ("r", "s"), ("t", "u"), ("u", "gone")]
    assert overhead.waited(moments, ("a", "b"), waits) == 5
    assert overhead.waited(moments, ("a", "b"), [*waits, ("u", "v")]) == 10
    assert overhead.waited(moments, ("a", "b"), [("b", "v"), ("p", "a")]) == 0
    assert overhead.waited(moments, ("a", "b"), [("p", "v")]) == 10


def test_the_copier_is_a_pod_of_the_move_but_not_before_the_source_is_frozen():
    assert ("copier pod made", "copier pod runs") in overhead.pod_starts(MOMENTS)
    before = {**MOMENTS, "copier pod made": 107.0, "copier pod runs": 110.5}
    assert overheads(before)[0].value == 11 - 7.5


def metadata():
    return {"metadata": {"name": "m"}}


def test_a_watch_tells_when_the_hold_was_lifted_and_when_bytes_were_merged_first():
    assert watching.of_migration({**metadata(), "spec": {"hold": True}}, "m") == ["applied"]
    lifted = watching.of_migration({**metadata(), "spec": {"hold": False}}, "m")
    assert lifted == ["applied", watching.GO_ON]
    status = {"compute": {"order": "Mirrored"}, "node": {"reached": "Overlay"}}
    merging = {**metadata(), "status": status}
    assert watching.MERGE_SEEN not in watching.of_switch(merging, "m")
    status["node"] = {"reached": "Mirrored", "merge": {"bytesDone": 1, "bytesTotal": 2}}
    seen = ["ordered Mirrored", watching.MERGE_SEEN, "reached Mirrored"]
    assert watching.of_switch(merging, "m") == seen


@pytest.mark.parametrize("until", ["Copied", "Succeeded"])
def test_a_move_that_fails_is_not_waited_for(until):
    said = {"message": "no room"}
    migration = types.SimpleNamespace(condition=lambda _: said, story=lambda: "")
    failed = types.SimpleNamespace(moments={"applied": 1.0, "Failed": 2.0})
    with pytest.raises(NotMovedError, match="no room"):
        control._follow(migration, failed, until)
    reached = types.SimpleNamespace(moments={until: 1.0})
    control._follow(migration, reached, until)


def moment(at):
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


class TwoSectors:
    """All that the guest does."""

    def operation(self, number):
        return Operation(WRITE, number, 2)


def boots(began=99):
    """Ten writes a second; none takes as long as those right before the freeze and the pivot."""
    slow = {104: 8000, 166: 40000}
    seconds = range(began - QUIET_SECONDS, 170)
    return Boots(
        [
            Boot(
                1,
                Header(1, 8, "zero", 5000, TwoSectors()),
                [Acknowledgement(10 * at, moment(at)) for at in seconds],
                [Latency(0, 10, slow.get(at, 2000), 10, 9, moment(at)) for at in seconds],
            )
        ]
    )


HELD = Held(
    plain=4,
    idle={"operator": 64 * MIB, "node-agent": 65 * MIB},
    busy={"operator": 66 * MIB, "node-agent": 67 * MIB},
    takeover=12.5,
    began=99,
    looked=159,
    overlay=481 * 2 * SECTOR,
    merged=561 * SECTOR,
    moments=MOMENTS,
)


def test_all_figures_of_a_held_move():
    figures = {record.name: record for record in control_figures.records(HELD, boots())}
    assert {name: record.value for name, record in figures.items()} == {
        "operator, idle": 64,
        "operator, during a move": 66,
        "node agent, idle": 65,
        "node agent, during a move": 67,
        "failover": 12.5,
        "apply to frozen": 3,
        "go on to released": 7 / 4,
        "control overhead, apply to frozen less pod starts": 5,
        "control overhead, go on to released less bytes moved": 4,
        "overlay growth per byte written": 1,
        "bytes merged per byte written": 0.5,
        "longest write around the start": 4,
        "longest write around the pivot": 20,
    }
    missed = [name for name, record in figures.items() if not record.reached]
    assert missed == ["longest write around the pivot"]


def test_what_could_not_be_tried_is_no_figure():
    held = dataclasses.replace(HELD, takeover=None)
    assert "failover" not in {record.name for record in control_figures.records(held, boots())}


class Guest:
    """A machine that loses nothing."""

    def __init__(self, kube, namespace, name):
        self.name = name
        self.log = types.SimpleNamespace(boots=boots, stop=lambda: did.append("log stopped"))

    def create(self, storage_class, size, **_):
        did.append(f"created on {storage_class}")

    def wait_until_running(self):
        pass

    def wait_for_writes(self, count, seconds):
        pass

    def stop(self):
        did.append("stopped")

    def verify(self, claim):
        did.append(f"verified {claim}")
        return types.SimpleNamespace(passed=True)


class FakeKube:
    """The API, as far as it is written to."""

    def apply(self, item):
        did.append(f"applied, hold {item['spec']['hold']}")
        seen.update({name: at for name, at in MOMENTS.items() if at <= MOMENTS["Copied"]})

    def patch(self, kind, name, namespace, patch):
        did.append(f"{name}: hold {patch['spec']['hold']}")
        seen.update(MOMENTS)

    def get(self, kind, name, namespace):
        numbers = {"overlay": {"bytes": 481 * 2 * SECTOR}, "merge": {"bytesDone": 561 * SECTOR}}
        return {"status": {"node": numbers}}


class FakeWatch:
    """Sees what has happened so far."""

    def __init__(self, kube, namespace, move):
        self.moments = seen

    def __enter__(self):
        did.append("watching")
        return self

    def __exit__(self, *_):
        did.append("watched")


did, seen = [], {}


def test_the_move_is_watched_from_before_it_is_applied_until_it_has_ended(monkeypatch):
    did.clear()
    seen.clear()
    target = types.SimpleNamespace(kube=FakeKube(), source_class="slow", destination_class="fast")
    clock = iter([HELD.began, HELD.looked])
    monkeypatch.setattr(control.cluster, "current", lambda: target)
    monkeypatch.setattr(control, "fresh_namespace", lambda *_: None)
    monkeypatch.setattr(control, "pod_start", lambda *_: HELD.plain)
    monkeypatch.setattr(control.memory, "resident", lambda *_: 65 * MIB)
    monkeypatch.setattr(control.memory, "peak", lambda *_: 66 * MIB)
    monkeypatch.setattr(control.takeover, "seconds", lambda *_: HELD.takeover)
    monkeypatch.setattr(control, "Machine", Guest)
    monkeypatch.setattr(control, "Watch", FakeWatch)
    fake = types.SimpleNamespace(
        sleep=lambda seconds: did.append(f"slept {seconds}"), time=lambda: next(clock)
    )
    monkeypatch.setattr(control, "time", fake)
    part = control.measure()
    quiet = control.WATCHES_SECONDS + QUIET_SECONDS
    assert did == [
        "created on slow",
        "watching",
        f"slept {quiet}",
        "applied, hold True",
        f"slept {control.HELD_SECONDS}",
        "move: hold False",
        f"slept {control.REPORTED_SECONDS}",
        "watched",
        "stopped",
        "verified move",
        "log stopped",
    ]
    expected = control_figures.records(HELD, boots())
    assert [record.value for record in part.records[4:]] == [
        record.value for record in expected[4:]
    ]
    assert part.passed
    assert "nothing lost" in part.conditions[0]
