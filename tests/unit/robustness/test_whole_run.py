"""A whole run, with a cluster in memory that does what it should, or not."""

import dataclasses
import itertools
import json

import pytest

from cluster import paths
from harness.cluster import Target
from harness.machine import Verdict
from robustness import checks, moves, record, running
from robustness.faults import FAULTS
from robustness.injecting import Injector
from robustness.plan import CANCEL, CRASH, Injection, Kind, Move, Run, Stage
from robustness.record import Record
from robustness.running import Running

FROZEN = "17 2026-01-01 00:00:00.0 +0000"


class Cluster:
    """Kube, provider and machine in one; each look at the migration brings it one stage on."""

    STAGES = (
        {},
        {"Locked": "True"},
        {"Locked": "True", "SourceFrozen": "True"},
        {"Locked": "True", "SourceFrozen": "True", "Copied": "True"},
        {"Locked": "True", "Copied": "True", "SourceReleased": "True", "Succeeded": "True"},
    )
    name, source, log = "vm", "vm-source", None

    def __init__(self):
        self.done = []
        self.looks = itertools.count()
        self.stat = FROZEN
        self.left = []
        self.whole = True
        self.restarted = False
        self.cancelled = False
        self.running = True
        self.verified = []

    # as a cluster's provider

    class classes:  # noqa: N801
        csi = None

    def node_exec(self, node, command, *, check=True):
        class Done:
            stdout, returncode = "", 0

        return Done()

    # as Kube

    command = ("kubectl",)

    def run(self, *words, **_given):
        self.done.append(words)
        return self.stat if words[0] == "exec" else ""

    def apply(self, *objects):
        self.done += [("apply", item["kind"], item["metadata"]["name"]) for item in objects]

    def create(self, item, *flags):
        self.done.append(("create", item["kind"], *flags))

    def patch(self, kind, name, namespace, patch, *flags):
        self.cancelled = True

    def delete(self, kind, name, namespace, *flags):
        self.done.append(("delete", kind, name))

    def list(self, kind, namespace, selector=""):
        return [item for item in self.left if item["of"] == kind]

    def get(self, kind, name, namespace):
        if kind == "attachmentswitches":
            frozen = {"type": "SourceFrozen", "status": "True"}
            status = {"compute": {"order": "Overlay"}, "conditions": [frozen]}
            return {"metadata": {"uid": "uid-1"}, "status": status}
        number = min(next(self.looks), len(self.STAGES) - 1)
        if self.cancelled:
            listed = [{"type": "Succeeded", "status": "False", "reason": "Cancelled"}]
        else:
            shown = self.STAGES[number].items()
            listed = [{"type": kind, "status": value, "reason": "R"} for kind, value in shown]
        return {"status": {"phase": "Copying", "conditions": listed}}

    # as a machine

    def create_machine(self, kube, namespace, name):
        self.namespace, self.log = namespace, self
        return _Machine(self)


class _Machine:
    """What ``harness.machine.Machine`` is to a run."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.kube, self.namespace = cluster, cluster.namespace
        self.name, self.source, self.log = cluster.name, cluster.source, self

    def create(self, storage_class, size, **_options):
        self._cluster.done.append(("machine", storage_class, size))

    def wait_until_running(self, seconds=0):
        pass

    def wait_for_writes(self, count=0, seconds=0):
        pass

    def instance(self):
        return {"metadata": {}, "status": {"nodeName": "node-1"}}

    def instance_uid(self):
        moved = any(words[:2] == ("apply", "VolumeMigration") for words in self._cluster.done)
        return "another" if self._cluster.restarted and moved else "first"

    def launcher(self):
        return {"metadata": {"name": "launcher"}} if self._cluster.running else {}

    def in_launcher(self, *command, timeout=0):
        if command[0] == "stat":
            return FROZEN if "%i %y" in command else "2048 512"
        return "disk.img null" if command[0] == "ls" else "[]"

    def claim(self, volume="data"):
        return self.source if self._cluster.cancelled else "m"

    instance_claim = claim

    def stop(self):
        self._cluster.running = False
        self._cluster.done.append(("log" if not self._cluster.running else "stop",))

    def verify(self, claim, *, size=0, slack=0):
        self._cluster.verified.append((claim, slack))
        return Verdict({"ok": self._cluster.whole}, "the verdict")


@pytest.fixture
def faked(monkeypatch):
    made = Cluster()
    monkeypatch.setattr(moves, "Machine", made.create_machine)
    monkeypatch.setattr(running.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(checks, "TIDY_SECONDS", 0)
    removed = []
    monkeypatch.setattr(
        running.cluster, "remove_namespace", lambda _kube, name: removed.append(name)
    )
    made.removed = removed
    return made


def carried_out(faked, move=None, injections=()):
    target = Target(faked, faked, ["node-1", "node-2"], "first", "second", None)
    run = Run(seed=7, move=move or Move(kind=Kind.LIVE), injections=injections)
    return Running(target, run, Injector(run, None)).record("7")


def test_a_good_run_leaves_nothing(faked):
    found = carried_out(faked)
    assert found.problems == ()
    assert found.outcome == "m completed"
    assert faked.verified == [("m", 0)]
    (name,) = faked.removed
    assert ("create", "namespace", name) in faked.done


def test_a_cancel_at_its_stage(faked):
    injection = Injection(fault=CANCEL, stage=Stage.LOCKED)
    found = carried_out(faked, Move(kind=Kind.CANCEL), (injection,))
    assert found.problems == ()
    assert found.outcome == "m cancelled"
    assert found.faults == ("user: cancel locked + 0 ms: done",)
    assert faked.verified == [("vm-source", 0)]


def test_a_machine_that_was_stopped_before(faked):
    assert carried_out(faked, Move(kind=Kind.OFFLINE, overlay="")).problems == ()


def test_two_disks(faked, monkeypatch):
    monkeypatch.setattr(_Machine, "claim", lambda self, volume="data": CLAIMS[volume])
    monkeypatch.setattr(_Machine, "instance_claim", lambda self, volume="data": CLAIMS[volume])
    found = carried_out(faked, Move(kind=Kind.LIVE, disks=2))
    assert found.problems == ()
    assert found.outcome == "m completed, m-second completed"
    assert [claim for claim, _ in faked.verified] == ["m", "m-second"]


def test_after_a_failure_that_was_to_be_expected_the_next_try_must_succeed(faked, monkeypatch):
    kept = faked.get
    failed = {"type": "Succeeded", "status": "False", "reason": "GuestStopped"}

    def get(kind, name, namespace):
        if kind == "volumemigrations" and name == "m":
            return {"status": {"conditions": [failed]}}
        return kept(kind, name, namespace)

    monkeypatch.setattr(faked, "get", get)
    monkeypatch.setattr(_Machine, "claim", lambda self, volume="data": "again")
    monkeypatch.setattr(_Machine, "instance_claim", lambda self, volume="data": "again")
    monkeypatch.setattr(_Machine, "crash", lambda self: None, raising=False)
    move = Move(kind=Kind.STOPPED, when_stopped="Cancel")
    found = carried_out(faked, move, (Injection(fault=CRASH),))
    assert found.problems == ()
    assert found.outcome == "m failed (GuestStopped), again completed"


CLAIMS = {"data": "m", "second": "m-second"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"whole": False}, "writes are missing on m: the verdict"),
        ({"restarted": True}, "the guest was restarted"),
        ({"stat": "17 2026-01-02 00:00:00.0 +0000"}, "the frozen source vm-source was written to"),
        ({"left": [{"of": "jobs", "metadata": {"name": "copy"}}]}, "left behind: job copy"),
        ({"cancelled": True}, "it was cancelled, and nobody had asked for that"),
    ],
)
def test_what_is_wrong_is_told_and_kept(faked, wrong, told):
    vars(faked).update(wrong)
    found = carried_out(faked)
    assert any(problem.startswith(told) for problem in found.problems), found.problems
    assert not found.good
    assert faked.removed == [], "it is there to be looked at"


def test_runs_are_kept_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    runs = [
        Record(name=name, move="live", faults=(), outcome="m completed", problems=bad, seconds=1)
        for name, bad in (("1", ()), ("2", ("lost",)))
    ]
    found = json.loads(record.write(runs).read_text())
    assert [(item["name"], item["good"]) for item in found] == [("1", True), ("2", False)]


def test_a_recorded_run_can_be_carried_out_once_more(tmp_path, monkeypatch, faked):
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    injection = Injection(fault=CANCEL, stage=Stage.LOCKED, milliseconds=3)
    found = carried_out(faked, Move(kind=Kind.CANCEL), (injection,))
    path = record.write([found, dataclasses.replace(found, run=None)])
    assert record.runs_of(path) == [found.run]
    assert found.run.injections == (injection,)


def test_every_fault_can_be_made_and_ended_where_it_never_began(faked):
    for name, entry in FAULTS.items():
        fault = entry.make()
        if name in ("stop libvirt", "stop qemu", "user: hold for a while"):
            continue  # these ask first whether there is anything left to let go on
        fault.undo(None)
