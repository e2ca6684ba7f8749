"""Whole passes against an HTTP server: what is read, what is written, and by whom."""

import itertools

import pytest

from detour_operator.adapters.api_servers import ApiServers, Servers
from detour_operator.compute_side.holder import holder_name
from detour_operator.compute_side.passes import ComputeSide
from detour_operator.errors import Conflict, DetourError
from detour_operator.metrics.families import REGISTRY
from detour_operator.settings import Settings
from unit.operator import compute_samples as samples
from unit.operator.api_server import serving, status
from unit.operator.compute_cluster import INSTANCE, MACHINE, NS, REVIEWS, SWITCH, Cluster

pytestmark = pytest.mark.thorough

SETTINGS = Settings(namespace="detour-system", pod_name="operator-0", copier_image="copier:1")
NEW = f"{NS}/persistentvolumeclaims/new"
HOLDER = f"{NS}/pods/{holder_name('12345678-abcd')}"
CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller"
ACCEPTED = {"inspection": {"reason": "Accepted"}}


class Driver:
    def __init__(self, cluster, server):
        self.cluster = cluster
        self.server = server
        clock = itertools.count(step=5)  # time enough between two passes to try the lock again
        self.side = ComputeSide(server.api(), SETTINGS, clock=lambda: float(next(clock)))

    def passes(self, count=20):
        """Passes until nothing changes any more; the last answer."""
        after = None
        for _ in range(count):
            before = self.cluster.version, len(self.cluster.objects)
            after = self._one_pass()
            self._run_holder()
            if before == (self.cluster.version, len(self.cluster.objects)):
                break
        return after

    def _one_pass(self):
        """A pass, and one more if it settled the switch, which has to find nothing to do."""
        found = self.side.reconcile("ns", "move")
        if found.settled is not None:
            left = self.cluster.version, len(self.cluster.objects)
            assert found.settled == self.cluster.switch["metadata"]["resourceVersion"]
            self.side.reconcile("ns", "move")
            assert left == (self.cluster.version, len(self.cluster.objects))
        return found.after

    def _run_holder(self):
        holder = self.cluster.objects.get(HOLDER)
        if holder is not None:
            running = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
            holder.setdefault("status", running)

    def frozen(self):
        self.passes()
        self.cluster.report(**ACCEPTED)
        self.passes()
        self.cluster.report(reached="Overlay", overlay={"name": "o"}, **ACCEPTED)
        return self.passes()

    def mirrored(self):
        self.frozen()
        self.cluster.ask("Destination")
        self.passes()
        self.cluster.report(reached="Mirrored", overlay={"name": "o"})
        return self.passes()


@pytest.fixture
def driver(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(ApiServers, "find", lambda self: Servers((self._api,), 1))
    with serving(cluster.answer) as server:
        yield Driver(cluster, server)


def writes(driver, before=0):
    """The changes that were asked for, dry runs left out."""
    asked = driver.server.asked[before:]
    made = [request for request in asked if request.method in ("PATCH", "PUT", "DELETE")]
    return [request for request in made if "dryRun" not in request.path]


def claim(raw, *path):
    for part in path:
        raw = raw[part]
    return raw["volumes"][2]["persistentVolumeClaim"]["claimName"]


def condition(cluster, kind):
    found = cluster.switch["status"]["conditions"]
    return next(item for item in found if item["type"] == kind)


def test_a_pass_settles_what_leaves_it_nothing_to_do(driver):
    driver.frozen()
    frozen = driver.side.reconcile("ns", "move")
    assert frozen.settled == driver.cluster.switch["metadata"]["resourceVersion"]
    driver.cluster.ask("Destination")
    ordered = driver.side.reconcile("ns", "move")
    assert driver.cluster.compute["order"] == "Mirrored"
    assert ordered.settled is None, "what was recorded is looked at anew"


def test_a_whole_move(driver):
    cluster = driver.cluster
    assert driver.frozen() == 5
    assert cluster.switch["status"]["position"] == "Frozen"
    assert condition(cluster, "SourceFrozen")["status"] == "True"
    assert "updateVolumesStrategy" not in cluster.objects[MACHINE]["spec"]
    driver.cluster.ask("Destination")
    driver.passes()
    assert cluster.compute["order"] == "Mirrored"
    assert claim(cluster.objects[INSTANCE], "spec") == "old"
    cluster.report(reached="Mirrored", overlay={"name": "o"})
    driver.passes()
    assert cluster.compute["order"] == "Destination"
    assert claim(cluster.objects[INSTANCE], "spec") == "new"
    assert "migratedVolumes" not in cluster.objects[INSTANCE]["status"]
    assert claim(cluster.objects[MACHINE], "spec", "template", "spec") == "old"
    shown = cluster.objects[INSTANCE]["status"]["volumeStatus"][1]
    shown["persistentVolumeClaimInfo"]["claimName"] = "new"
    cluster.report(reached="Destination")
    assert driver.passes() is None
    assert cluster.switch["status"]["position"] == "Destination"
    assert cluster.compute["locked"] is False
    assert claim(cluster.objects[MACHINE], "spec", "template", "spec") == "new"
    assert cluster.objects[MACHINE]["spec"]["updateVolumesStrategy"] == "Migration"
    assert condition(cluster, "Ready")["status"] == "True"
    assert HOLDER in cluster.objects, "it stays until the launcher ends"
    stale = cluster.objects[f"{NS}/persistentvolumeclaims/old"]["metadata"]
    assert stale["labels"] == {"detour.dev/superseded": "true"}
    assert stale["annotations"] == {
        "detour.dev/superseded-for": "web/data",
        "detour.dev/superseded-by": "new",
    }
    filled = cluster.objects[f"{NS}/persistentvolumeclaims/new"]["metadata"]
    assert filled["annotations"] == {"detour.dev/holds": f"web/data/{filled['uid']}"}


def counted(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


def test_a_move_is_measured_once(driver):
    count = {
        stage: counted("detour_operator_stage_duration_seconds_count", stage=stage)
        for stage in ("merge", "switch")
    }
    merged, held = (
        counted(f"detour_operator_{name}") for name in ("merged_bytes_total", "locks_held")
    )
    driver.frozen()
    assert counted("detour_operator_locks_held") == held + 1
    test_a_whole_move(driver)
    for _ in range(2):
        driver.side.reconcile("ns", "move")
    for stage, before in count.items():
        assert (
            counted("detour_operator_stage_duration_seconds_count", stage=stage) == before + 1
        ), stage
    assert counted("detour_operator_merged_bytes_total") == merged, "the agent told of none"
    assert counted("detour_operator_locks_held") == held


def test_a_move_onto_a_stale_claim_takes_its_mark_off_before_the_machine_names_it(driver):
    cluster, path = driver.cluster, f"{NS}/persistentvolumeclaims/new"
    cluster.objects[path]["metadata"] |= {
        "labels": {"detour.dev/superseded": "true", "other": "kept"},
        "annotations": {
            "detour.dev/superseded-for": "web/data",
            "detour.dev/holds": f"web/data/{cluster.objects[path]['metadata']['uid']}",
        },
    }
    driver.mirrored()
    assert "detour.dev/holds" not in cluster.objects[path]["metadata"]["annotations"]
    shown = cluster.objects[INSTANCE]["status"]["volumeStatus"][1]
    shown["persistentVolumeClaimInfo"]["claimName"] = "new"
    cluster.report(reached="Destination")
    driver.passes()
    assert cluster.objects[path]["metadata"]["labels"] == {"other": "kept"}
    # The disk is there: what it holds is said anew.
    assert cluster.objects[path]["metadata"]["annotations"] == {
        "detour.dev/holds": f"web/data/{cluster.objects[path]['metadata']['uid']}"
    }
    writes = [
        request.path
        for request in driver.server.asked
        if request.method == "PATCH" and request.path in (path, MACHINE)
    ]
    assert writes[-4:] == [path, path, MACHINE, path], "both marks off, the machine, what it holds"


def test_only_the_instances_volumes_are_written_as_kubevirt(driver):
    driver.mirrored()
    as_kubevirt = [
        request for request in driver.server.asked if request.headers["Impersonate-User"]
    ]
    assert {request.headers["Impersonate-User"] for request in as_kubevirt} == {CONTROLLER}
    written = [request for request in as_kubevirt if request.path != REVIEWS]
    assert {(request.method, request.path) for request in written} == {("PATCH", INSTANCE)}
    assert len(written) == 2
    told = [
        request.body["message"]
        for request in driver.server.asked
        if request.method == "POST" and request.path.endswith("/events")
    ]
    uses = [message for message in told if "as KubeVirt's controller" in message]
    assert len(uses) == 2, "each use is an event"


def test_a_cancel_puts_everything_back(driver):
    cluster = driver.cluster
    machine = {**cluster.objects[MACHINE], "metadata": {}}
    instance = {**cluster.objects[INSTANCE], "metadata": {}}
    driver.frozen()
    cluster.ask("Source")
    driver.passes()
    assert cluster.compute["order"] == "Source"
    cluster.report(reached="Source")
    assert driver.passes() is None
    assert cluster.switch["status"]["position"] == "Source"
    assert cluster.compute["locked"] is False
    assert {**cluster.objects[MACHINE], "metadata": {}} == machine
    assert {**cluster.objects[INSTANCE], "metadata": {}} == instance
    assert HOLDER not in cluster.objects
    assert not cluster.objects[INSTANCE]["metadata"].get("annotations")


def test_a_deleted_switch_is_cancelled_and_then_goes(driver):
    driver.frozen()
    driver.cluster.switch["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    driver.passes()
    driver.cluster.report(reached="Source")
    driver.passes()
    assert driver.cluster.switch["status"]["position"] == "Source"
    assert driver.cluster.switch["metadata"]["finalizers"] == []


def test_a_refusal_changes_nothing_but_the_status(driver):
    driver.cluster.objects[INSTANCE]["status"]["conditions"] = [
        {"type": "Paused", "status": "True"}
    ]
    assert driver.passes() == 30
    accepted = condition(driver.cluster, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "InstancePaused")
    assert {request.path for request in writes(driver)} == {SWITCH, f"{SWITCH}/status"}


def halt(cluster):
    """The machine has been stopped."""
    for path in (INSTANCE, f"{NS}/pods/launcher"):
        del cluster.objects[path]
    cluster.objects[MACHINE]["spec"]["runStrategy"] = "Halted"


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        ({}, "DestinationInUse"),
        ({"labels": {"detour.dev/component": "external-copier"}}, "Frozen"),
        ({"phase": "Succeeded"}, "Frozen"),
    ],
    ids=["anybody's", "a copier's", "one that has ended"],
)
def test_a_stopped_machine_does_not_go_where_another_pod_is(driver, pod, reason):
    halt(driver.cluster)
    driver.cluster.objects[f"{NS}/pods/p1"] = {
        "metadata": {"name": "p1", "uid": "p1", "labels": pod.get("labels")},
        "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "new"}}]},
        "status": {"phase": pod.get("phase", "Running")},
    }
    driver.passes()
    assert condition(driver.cluster, "Ready")["reason"] == reason


def test_a_stopped_machine_does_not_go_where_there_is_no_room(driver):
    halt(driver.cluster)
    for name, size in (("old", "2Gi"), ("new", "1Gi")):
        found = driver.cluster.objects[f"{NS}/persistentvolumeclaims/{name}"]
        found["spec"]["resources"] = {"requests": {"storage": size}}
    driver.passes()
    accepted = condition(driver.cluster, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "DestinationTooSmall")


OTHERS = {
    "a claim": ({"persistentVolumeClaim": {"claimName": "old"}}, "SourceClaimInUse"),
    "a DataVolume": ({"dataVolume": {"name": "old"}}, "SourceClaimInUse"),
    "another claim": ({"persistentVolumeClaim": {"claimName": "third"}}, "Accepted"),
}


@pytest.mark.parametrize(("volume", "reason"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("runs", [True, False])
def test_a_disk_that_another_machine_names_is_not_moved(driver, runs, volume, reason):
    """The other is stopped: no pod tells of it."""
    if not runs:
        halt(driver.cluster)
    other = samples.machine(template={"spec": {"volumes": [{"name": "root", **volume}]}})
    other["metadata"]["name"] = "db"
    driver.cluster.objects[MACHINE.replace("/web", "/db")] = other
    driver.passes()
    accepted = condition(driver.cluster, "Accepted")
    refused = reason == "SourceClaimInUse"
    assert (accepted["status"] == "False") is refused, accepted
    assert ("VirtualMachine db" in accepted["message"]) is refused
    if refused:
        assert accepted["reason"] == reason
        assert "compute" not in driver.cluster.switch["status"]


NO_ANSWERS = {"no answer": status(503, "ServiceUnavailable"), "no kind": (404, "not found")}
UNREAD = ("virtualmachineinstances", "instancemigrations", "pods/hp-volume", "claims/new")


@pytest.mark.parametrize("answer", NO_ANSWERS)
@pytest.mark.parametrize("unread", UNREAD)
def test_what_cannot_be_read_is_not_absent(driver, unread, answer):
    driver.frozen()
    driver.cluster.ask("Destination")
    before = len(driver.server.asked)
    driver.cluster.broken, driver.cluster.away = unread, NO_ANSWERS[answer]
    driver.passes()
    assert condition(driver.cluster, "Ready")["reason"] == "CannotLook"
    assert driver.cluster.compute["order"] == "Overlay"
    changed = [
        request
        for request in driver.server.asked[before:]
        if request.method in ("PATCH", "DELETE") and not request.path.startswith(SWITCH)
    ]
    assert changed == []


def test_an_order_does_not_follow_from_a_position_that_changed_meanwhile(driver):
    """The caller cancels between the look and the write."""
    cluster, answer = driver.cluster, driver.server.answer
    driver.frozen()
    cluster.ask("Destination")

    def cancelled_first(request):
        if request.method == "PATCH" and request.path.startswith(SWITCH):
            cluster.ask("Source")
            driver.server.answer = answer
        return answer(request)

    driver.server.answer = cancelled_first
    with pytest.raises(Conflict):
        driver.side.reconcile("ns", "move")
    assert cluster.compute["order"] == "Overlay"


def test_nothing_is_done_about_a_switch_that_changed_during_the_look(driver):
    """The caller cancels after the switch was read, before the handover of the instance."""
    cluster, answer = driver.cluster, driver.server.answer
    driver.frozen()
    cluster.ask("Destination")
    driver.passes()
    cluster.report(reached="Mirrored", overlay={"name": "o"})
    before = len(driver.server.asked)

    def cancelled_meanwhile(request):
        if request.method == "GET" and request.path == INSTANCE:
            cluster.ask("Source")
            driver.server.answer = answer
        return answer(request)

    driver.server.answer = cancelled_meanwhile
    with pytest.raises(Conflict):
        driver.side.reconcile("ns", "move")
    assert writes(driver, before) == []
    assert claim(cluster.objects[INSTANCE], "spec") == "old"


def test_a_refused_handover_is_told(driver):
    answer = driver.server.answer

    def refusing(request):
        if request.headers["Impersonate-User"] and request.path != REVIEWS:
            return status(403, "Forbidden", "a webhook says no")
        return answer(request)

    driver.server.answer = refusing
    with pytest.raises(DetourError, match="webhook"):
        driver.mirrored()
    ready = condition(driver.cluster, "Ready")
    assert ready["reason"] == "Forbidden"
    assert "a webhook says no" in ready["message"]
    assert driver.cluster.compute["order"] == "Mirrored"


def test_a_destination_that_went_before_the_handover_is_waited_for(driver):
    driver.frozen()
    driver.cluster.ask("Destination")
    driver.passes()
    there = driver.cluster.objects.pop(NEW)
    driver.cluster.report(reached="Mirrored", overlay={"name": "o"})
    with pytest.raises(DetourError, match="put it back"):
        driver.passes()
    assert condition(driver.cluster, "Ready")["reason"] == "ClaimNotFound"
    assert driver.cluster.compute["order"] == "Mirrored"
    driver.cluster.objects[NEW] = there
    driver.passes()
    assert claim(driver.cluster.objects[INSTANCE], "spec") == "new"


def test_without_permission_the_machine_waits_for_its_restart(driver):
    cluster = driver.cluster
    cluster.permitted = False
    driver.mirrored()
    cluster.report(reached="Destination")
    assert driver.passes() == 5
    assert cluster.switch["status"]["position"] == "Destination"
    assert cluster.compute["locked"] is True
    assert condition(cluster, "HandedOver")["reason"] == "RestartRequired"
    assert "updateVolumesStrategy" not in cluster.objects[MACHINE]["spec"]
    assert claim(cluster.objects[INSTANCE], "spec") == "old"
    cluster.objects[INSTANCE]["metadata"]["uid"] = "later"
    assert driver.passes() is None
    assert cluster.compute["locked"] is False


def test_after_the_unlock_kubevirt_is_woken_until_the_machine_is_up(driver):
    cluster = driver.cluster
    driver.passes()
    cluster.ask("Source")
    assert driver.passes() is None
    before = len(driver.server.asked)
    cluster.objects[INSTANCE]["status"]["phase"] = "Failed"
    assert driver.side.reconcile("ns", "move").after == 5
    instance = cluster.objects.pop(INSTANCE)
    assert driver.side.reconcile("ns", "move").after == 5
    told = [request.path for request in driver.server.asked[before:] if request.method == "PATCH"]
    assert told == [INSTANCE, INSTANCE, MACHINE, MACHINE]
    assert not any(
        found["metadata"]["annotations"] for found in (instance, cluster.objects[MACHINE])
    )
    instance["status"]["phase"] = "Scheduling"
    cluster.objects[INSTANCE] = instance
    assert driver.side.reconcile("ns", "move").after is None


def test_without_kubevirts_controller_nothing_is_changed(driver):
    cluster = driver.cluster
    cluster.kubevirt = "virtualization"
    driver.passes()
    accepted = condition(cluster, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "KubeVirtNotThere")
    assert "kubevirt.namespace" in accepted["message"]
    assert not cluster.switch["status"].get("compute", {}).get("locked")
    assert {request.path for request in writes(driver)} <= {SWITCH, f"{SWITCH}/status"}
    cluster.kubevirt = "kubevirt"
    driver.frozen()
    assert cluster.compute["order"] == "Overlay"


def test_a_machine_that_is_stopped_needs_no_controller(driver):
    driver.cluster.kubevirt = "virtualization"
    del driver.cluster.objects[INSTANCE]
    driver.passes()
    assert condition(driver.cluster, "Accepted")["reason"] != "KubeVirtNotThere"
    assert not [request for request in driver.server.asked if request.path == REVIEWS]


POLICY = 'admission webhook "policy.example" denied the request: disks are final'


def test_a_machine_that_could_not_be_pointed_at_the_destination_is_left_as_it_is(driver):
    cluster = driver.cluster
    cluster.machine_policy = POLICY
    driver.passes()
    accepted = condition(cluster, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "MachineChangeRefused")
    assert POLICY in accepted["message"]
    assert "WaitForDeclared" in accepted["message"]
    assert not cluster.switch["status"].get("compute", {}).get("locked")
    assert {request.path for request in writes(driver)} <= {SWITCH, f"{SWITCH}/status"}
    cluster.machine_policy = ""
    driver.frozen()
    assert cluster.compute["order"] == "Overlay"


def test_a_machine_that_can_be_pointed_there_no_more_is_waited_for_before_the_switch(driver):
    cluster = driver.cluster
    driver.frozen()
    cluster.machine_policy = POLICY
    cluster.ask("Destination")
    driver.passes()
    cluster.report(reached="Mirrored", overlay={"name": "o"})
    driver.passes()
    stalled = condition(cluster, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "MachineChangeRefused")
    assert POLICY in stalled["message"]
    assert cluster.compute["order"] == "Mirrored"
    assert cluster.compute["handover"] == "Pending"
    cluster.machine_policy = ""
    driver.passes()
    assert condition(cluster, "Stalled")["status"] == "False"
    assert cluster.compute["order"] == "Destination"


def test_a_webhook_that_is_away_keeps_nobody_from_a_cancel(driver):
    """The API server then says 500: what the webhook would say is unknown."""
    cluster = driver.cluster
    driver.frozen()
    cluster.machine_policy, cluster.machine_status = 'failed calling webhook "policy"', 500
    cluster.ask("Destination")
    driver.passes()
    cluster.report(reached="Mirrored", overlay={"name": "o"})
    driver.passes()
    assert cluster.compute["order"] == "Mirrored"
    assert "failed calling webhook" in condition(cluster, "Stalled")["message"]
    cluster.ask("Source")
    driver.passes()
    assert cluster.compute["order"] == "Source"


def test_whether_the_controller_is_there_is_asked_before_the_lock_only(driver):
    driver.frozen()
    before = len(driver.server.asked)
    driver.side.reconcile("ns", "move")
    asked = driver.server.asked[before:]
    assert not [request for request in asked if request.path == REVIEWS]


def test_a_switch_that_is_gone_is_nothing(driver):
    del driver.cluster.objects[SWITCH]
    assert driver.side.reconcile("ns", "move").after is None
