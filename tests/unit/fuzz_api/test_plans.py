"""Plans by the operator's process and a real API server, whose garbage collector runs as well."""

import time
from collections import Counter

import pytest

from cluster.process import wait_until
from fuzz import scene, whole
from unit.chart.locked import CLASS, api
from unit.chart.rights import plan

pytestmark = pytest.mark.timeout(1800)  # the programs may have to be built first

MACHINES = ("one", "two", "three")
AT_A_TIME = 2
PATIENCE_SECONDS = 300
STORAGE_CLASSES = [{"from": scene.CLASS, "to": "y"}]
ENDED = ("Succeeded", "Cancelled", "Failed")


@pytest.fixture(scope="module")
def running():
    with whole.prepared() as (asked, operator):
        other = CLASS | {"metadata": {"name": "y"}}
        asked.do("POST", "/apis/storage.k8s.io/v1/storageclasses", other)
        yield asked, operator
        assert operator.bugs() == []


@pytest.fixture
def asked(running, request):
    """Machines that are stopped, in a namespace of the test's own: nothing of a node is needed."""
    server, _ = running
    namespace = request.node.name.replace("_", "-")[:50]
    scene.build(server, namespace)
    for name in MACHINES:
        for disk in scene.DISKS:
            scene._claim(server, namespace, f"{name}-{disk}")
        claims = {disk: f"{name}-{disk}" for disk in scene.DISKS}
        scene._machine(server, namespace, name, claims, labels={"move": "yes"})
    return Asked(server, namespace)


class Asked:
    """One namespace, and the plan in it."""

    def __init__(self, server, namespace):
        self.server, self.namespace = server, namespace
        self.root = api(namespace, "detour.dev/v1alpha1")

    def make(self, **spec):
        selector = {"machines": {"matchLabels": {"move": "yes"}}}
        wanted = {"storageClasses": STORAGE_CLASSES, "selector": selector, **spec}
        self.server.do("POST", f"{self.root}/volumemigrationplans", plan(**wanted))

    def change(self, **spec):
        self.server.do("PATCH", f"{self.root}/volumemigrationplans/all", {"spec": spec})

    def plan(self):
        return self.server.do("GET", f"{self.root}/volumemigrationplans/all").get("status") or {}

    def ready(self):
        told = [one for one in self.plan().get("conditions") or [] if one["type"] == "Ready"]
        return told[0] if told else {"reason": "", "message": ""}

    def migrations(self):
        found = self.server.do("GET", f"{self.root}/volumemigrations")["items"]
        return {item["metadata"]["name"]: item for item in found}

    def under_way(self):
        return [one for one in self.migrations().values() if phase(one) not in ENDED]

    def until(self, what, holds):
        wait_until(holds, f"{what}: {self.plan()}", PATIENCE_SECONDS)


def phase(migration):
    return (migration.get("status") or {}).get("phase")


def test_some_at_a_time_and_one_of_a_machine(asked):
    """Nothing runs a pod: a move is copied for ever, until it is cancelled."""
    asked.make(inFlight={"total": AT_A_TIME})
    end, seen = time.monotonic() + PATIENCE_SECONDS, set()
    while len(seen) < len(MACHINES) * len(scene.DISKS):
        assert time.monotonic() < end, asked.plan()
        now = asked.under_way()
        of_machines = Counter(one["spec"]["virtualMachine"]["name"] for one in now)
        assert len(now) <= AT_A_TIME, now
        assert set(of_machines.values()) <= {1}
        seen |= {one["metadata"]["name"] for one in now}
        copied = [one["metadata"]["name"] for one in now if phase(one) == "Copying"]
        for name in copied[:1]:
            path = f"{asked.root}/volumemigrations/{name}"
            asked.server.do("PATCH", path, {"spec": {"cancel": True}})
        time.sleep(0.2)
    asked.change(cancel=True)
    asked.until("the end", lambda: asked.plan().get("phase") == "Cancelled")
    counted = asked.plan()["counts"]
    assert (counted["total"], counted["skipped"]) == (6, 6)
    assert asked.under_way() == []


def test_a_dry_run_reports_and_leaves_nothing(asked):
    asked.make(dryRun=True)
    asked.until("the report", lambda: asked.plan().get("completionTime"))
    told = asked.plan()
    assert told["phase"] == "Succeeded", told
    assert (told["counts"]["succeeded"], told["counts"]["total"]) == (6, 6)
    assert {disk["reason"] for disk in told["disks"]} == {"DryRunPassed"}
    asked.until("the questions to go", lambda: not asked.migrations())
    claims = asked.server.do("GET", f"{api(asked.namespace)}/persistentvolumeclaims")["items"]
    assert not [one for one in claims if one["spec"]["storageClassName"] == "y"]


def test_outside_of_its_window_nothing_begins(asked):
    asked.make(windows=[{"start": "0 0 29 2 *", "duration": "1m"}])
    asked.until("the window", lambda: asked.ready()["reason"] == "OutsideWindow")
    assert "opens at 20" in asked.ready()["message"]
    assert asked.migrations() == {}
    asked.change(windows=[{"start": "0 0 * * *", "duration": "24h", "timeZone": "Europe/Vienna"}])
    asked.until("a move", lambda: any(phase(one) == "Copying" for one in asked.under_way()))
    assert asked.plan()["window"] == {"open": True}


def test_with_the_plan_its_moves_are_undone_and_go(asked):
    asked.make(inFlight={"total": 1})
    asked.until("a move", lambda: any(phase(one) == "Copying" for one in asked.under_way()))
    asked.server.do("DELETE", f"{asked.root}/volumemigrationplans/all")
    wait_until(lambda: not asked.migrations(), "the moves to go", PATIENCE_SECONDS)
    switches = asked.server.do("GET", f"{asked.root}/attachmentswitches")["items"]
    assert switches == []


def test_every_disk_of_a_namespace_whatever_it_is(asked):
    """Machines with volumes that name no claim's name, or nothing, are skipped with the reason."""
    asked.make(selector={}, paused=True)
    asked.until("a look", lambda: asked.ready()["reason"] == "Paused")
    told = {(one["virtualMachine"], one["volume"]): one for one in asked.plan()["disks"]}
    assert told["paths", "data"]["reason"] == "ClaimNotFound"
    assert told["one", "data"]["state"] == "Waiting"
    assert not [key for key in told if key[1] == "cloud"]
    assert asked.migrations() == {}
