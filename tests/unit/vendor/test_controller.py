"""The example controller on a real API server: each look is that of one that was just started.

The test has the parts of Detour and of the Job controller, which write status alone.
"""

import itertools
import pathlib
import re
import subprocess

import pytest
import yaml

from unit.chart import server
from unit.chart.locked import api, claim_of, install
from vendor.controller import Controller, NotOursError
from vendor.objects import Move

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "for-storage-vendors.md"
NOW = "2026-01-01T00:00:00Z"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        install(running)
        yield running


@pytest.fixture
def world(asked):
    return World(asked, f"vendor-{next(_numbers)}")


class World:
    """A namespace with two claims, and what goes on in it."""

    def __init__(self, asked, namespace):
        self.asked = asked
        self.move = Move("m", namespace, "vm", "data", "old", "new", "image")
        self.switches = f"{api(namespace, 'detour.dev/v1alpha1')}/attachmentswitches"
        self.jobs = f"{api(namespace, 'batch/v1')}/jobs"
        self.claims = f"{api(namespace)}/persistentvolumeclaims"
        self.said = []
        asked.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for claim in ("old", "new"):
            asked.do("POST", self.claims, claim_of(claim))

    def controller(self, *, cancel=False):
        return Controller(self.asked.client(), self.move, self.said.append, cancel=cancel)

    def look(self, *, cancel=False):
        """By a controller that was killed and is started again after each."""
        return self.controller(cancel=cancel).step()

    def switch(self):
        status, found = self.asked.ask("GET", f"{self.switches}/m")
        return found if status == 200 else None

    def position(self):
        return self.switch()["spec"]["position"]

    def job(self):
        found = self.asked.do("GET", self.jobs)["items"]
        assert len(found) <= 1
        return found[0] if found else None

    def detour(self, position, *conditions, source="old", node="node-7"):
        told = [
            {"type": kind, "status": status, "reason": reason, "message": "m",
             "lastTransitionTime": NOW}
            for kind, status, reason in conditions
        ]  # fmt: skip
        compute = {"sourceClaim": {"name": source}, **({"node": node} if node else {})}
        status = {"position": position, "conditions": told, "compute": compute}
        self.asked.do("PATCH", f"{self.switches}/m/status", {"status": status})

    def frozen(self, **options):
        self.detour("Frozen", ("SourceFrozen", "True", "Frozen"), **options)

    def ended(self, position, ready, reason):
        self.detour(
            position, ("SourceFrozen", str(position == "Destination"), "Frozen"),
            ("Reconciling", "False", "Ended"), ("Ready", ready, reason),
        )  # fmt: skip

    def finish(self, criteria, kind):
        """As the Job controller does, in two steps, when the last pod has ended."""
        conditions = [
            {"type": each, "status": "True", "reason": "R", "message": "m",
             "lastTransitionTime": NOW}
            for each in (criteria, kind)
        ]  # fmt: skip
        status = {"startTime": NOW, "conditions": conditions}
        if kind == "Complete":
            status |= {"completionTime": NOW, "succeeded": 1}
        path = f"{self.jobs}/{self.job()['metadata']['name']}"
        self.asked.do("PATCH", f"{path}/status", {"status": status})

    def pods_end(self):
        """The garbage collector lets a Job go that was deleted in the foreground."""
        job = self.job()
        assert "foregroundDeletion" in job["metadata"]["finalizers"]
        path = f"{self.jobs}/{job['metadata']['name']}"
        self.asked.do("PATCH", path, {"metadata": {"finalizers": None}})

    def copied(self):
        self.look()
        self.frozen()
        self.look()
        self.look()
        self.finish("SuccessCriteriaMet", "Complete")

    def outcomes(self):
        found = self.asked.do("GET", f"{self.claims}/new")["metadata"].get("annotations") or {}
        return [found[key] for key in found if key == "move.vendor.example/m"]


def test_killed_after_every_step_it_moves_the_disk_once(world):
    assert world.look() is None
    assert world.position() == "Frozen"
    assert world.look() is None
    assert world.job() is None, "nothing is copied that is not frozen"
    world.frozen()
    assert world.look() is None
    job = world.job()
    pod = job["spec"]["template"]
    assert job["spec"]["suspend"] is True
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "node-7"}
    assert pod["metadata"]["labels"]["detour.dev/component"] == "external-copier"
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["uid"] == world.switch()["metadata"]["uid"]
    assert world.look() is None
    assert world.job()["spec"]["suspend"] is False
    assert world.look() is None
    assert world.position() == "Frozen", "the copy is not whole yet"
    world.finish("SuccessCriteriaMet", "Complete")
    assert world.look() is None
    assert world.position() == "Destination"
    assert world.look() is None
    world.ended("Destination", "True", "Switched")
    assert world.look() is None
    assert world.outcomes() == [], "first the copier is seen to be gone"
    world.pods_end()
    assert world.look() is None
    assert world.outcomes() == ["Destination"]
    assert world.switch() is None
    for _ in range(2):
        assert world.look() == "Destination"
    assert world.switch() is None, "what is done is not begun again"


def test_of_a_stopped_machine_it_knows_no_node(world):
    world.look()
    world.frozen(node=None)
    world.look()
    assert "nodeSelector" not in world.job()["spec"]["template"]["spec"]


def test_a_cancel_ends_the_copier_first(world):
    world.look()
    world.frozen()
    world.look()
    world.look()
    assert world.look(cancel=True) is None
    assert world.position() == "Frozen"
    world.pods_end()
    assert world.look(cancel=True) is None
    assert world.position() == "Source"
    assert world.look(cancel=True) is None
    world.ended("Source", "True", "Cancelled")
    assert world.look(cancel=True) is None
    assert world.look(cancel=True) == "Source: Cancelled: m"
    assert world.switch() is None


def test_a_cancel_before_the_start_starts_nothing(world):
    assert world.look(cancel=True) == "Source: nothing was started"
    assert world.switch() is None


def test_after_the_order_it_ends_on_the_destination_all_the_same(world):
    world.copied()
    world.look()
    path = f"{world.switches}/m/status"
    world.asked.do("PATCH", path, {"status": {"compute": {"order": "Destination"}}})
    world.look(cancel=True)
    world.pods_end()
    world.look(cancel=True)
    assert world.position() == "Destination"
    assert "cannot be cancelled any more" in world.said[-1]


def test_a_copy_that_failed_is_taken_back(world):
    world.look()
    world.frozen()
    world.look()
    world.look()
    world.finish("FailureTarget", "Failed")
    assert world.look() is None
    assert world.position() == "Source"


def test_nothing_but_the_source_that_was_asked_for_is_copied(world):
    world.look()
    world.frozen(source="another")
    world.look()
    assert world.job() is None
    assert world.position() == "Source"


def test_a_switch_that_went_back_by_itself_is_not_a_success(world):
    world.look()
    world.frozen()
    world.look()
    world.ended("Source", "False", "OverlayLimitReached")
    world.look()
    world.pods_end()
    world.look()
    assert world.look() == "Source: OverlayLimitReached: m"


def test_somebody_elses_switch_is_left_alone(world):
    world.look()
    world.move = Move("m", world.move.namespace, "another", "data", "old", "new", "image")
    with pytest.raises(NotOursError):
        world.look()


def test_a_late_write_meets_nothing(world):
    world.copied()
    late, before = world.controller(), world.switch()
    world.asked.do("DELETE", f"{world.switches}/m")
    world.asked.do("POST", world.switches, {**before, "metadata": {"name": "m"}, "status": {}})
    late._ask(before, "Destination")
    assert world.position() == "Frozen"


def test_a_late_creation_is_taken_back(world):
    world.copied()
    world.look()
    world.ended("Destination", "True", "Switched")
    world.look()
    world.pods_end()
    world.look()
    world.controller()._start()
    assert world.look() is None
    assert world.position() == "Source"
    world.ended("Source", "True", "Cancelled")
    world.look()
    assert world.switch() is None
    assert world.look() == "Destination"


@pytest.mark.parametrize("node", ["node-7", ""], ids=["live", "stopped"])
def test_what_the_page_has_created_by_hand_is_accepted(world, node):
    heres = re.findall(r"<<END\n.*?\nEND\n", PAGE.read_text(), re.DOTALL)
    bodies = [
        yaml.safe_load(
            subprocess.run(
                ["sh", "-c", f"cat {here}"], env={"uid": "1", "node": node},
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for here in heres
    ]  # fmt: skip
    switch, job = bodies
    world.asked.do("POST", f"{world.switches}?fieldValidation=Strict", switch)
    world.asked.do("POST", f"{world.jobs}?fieldValidation=Strict", job)
    chosen = world.job()["spec"]["template"]["spec"].get("nodeSelector", {})
    assert chosen == ({"kubernetes.io/hostname": node} if node else {})
