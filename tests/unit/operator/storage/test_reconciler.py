"""One pass against a small API over HTTP: what is written, in which order, and what is not."""

import copy
import json

import pytest

from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.serialise import merge_patch
from detour_operator import errors, storage_side
from detour_operator.settings import Settings
from unit.operator.api_server import serving, status

SETTINGS = Settings(namespace="detour", pod_name="pod", copier_image="image")
NAMESPACE = "/api/v1/namespaces/ns"
GROUP = "/apis/detour.dev/v1alpha1/namespaces/ns"
MIGRATION = f"{GROUP}/volumemigrations/m"
SWITCH = f"{GROUP}/attachmentswitches/m"


def merged(target, patch):
    """RFC 7396."""
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, dict) else value
    return result


class Cluster:
    """Objects by path, with merge patches and resource versions; some paths can be away."""

    def __init__(self):
        self.objects = {MIGRATION: migration()}
        self.away = set()
        self.writes = []

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if path in self.away:
            return status(503, "ServiceUnavailable")
        if request.method == "GET":
            found = self.objects.get(path)
            if found is None and path.rsplit("/", 1)[-1] in KINDS:
                found = {"items": self.below(path), "metadata": {}}
            return (200, found) if found else status(404, "NotFound")
        self.writes.append((request.method, path, request.body))
        if request.method == "POST":
            name = request.body["metadata"]["name"]
            made = copy.deepcopy(request.body)
            made["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "1"}
            self.objects[f"{path}/{name}"] = made
            return 201, made
        return self.patch(path.removesuffix("/status"), request.body)

    def patch(self, path, body):
        there = self.objects[path]
        version = there["metadata"]["resourceVersion"]
        if body.get("metadata", {}).get("resourceVersion", version) != version:
            return status(409, "Conflict")
        after = merged(there, body)
        after["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.objects[path] = after
        return 200, after

    def below(self, path):
        return [item for name, item in self.objects.items() if name.rpartition("/")[0] == path]

    def written(self):
        told = [(method, path) for method, path, _ in self.writes if not path.endswith("/events")]
        self.writes.clear()
        return told


KINDS = ("jobs", "pods", "attachmentswitches", "virtualmachines")


def migration():
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {
            "name": "m",
            "namespace": "ns",
            "uid": "11112222",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {
            "virtualMachine": {"name": "vm"},
            "volume": "data",
            "destination": {"claimTemplate": {}},
        },
    }


def claim(name):
    return {
        "metadata": {"name": name, "uid": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "fast",
        },
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    }


def machine(claim_name):
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    return {
        "metadata": {"name": "vm", "uid": "vm"},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }


@pytest.fixture
def cluster():
    answer = Cluster()
    with serving(answer) as server:
        answer.side = storage_side.reconciler(server.api(), SETTINGS)
        yield answer


@pytest.fixture
def ready(cluster):
    """A cluster in which the move can start, and the first visit is over."""
    cluster.objects |= {
        f"{NAMESPACE}/persistentvolumeclaims/source": claim("source"),
        "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/vm": machine("source"),
        "/apis/storage.k8s.io/v1/storageclasses/fast": {"metadata": {"name": "fast"}},
    }
    cluster.side.reconcile("ns", "m")
    cluster.writes.clear()
    return cluster


def test_the_status_is_durable_before_the_effect(cluster):
    cluster.side.reconcile("ns", "m")
    assert cluster.written() == [("PATCH", f"{MIGRATION}/status"), ("PATCH", MIGRATION)]
    assert cluster.objects[MIGRATION]["metadata"]["finalizers"] == [MIGRATION_FINALIZER]
    assert len(cluster.objects[MIGRATION]["status"]["conditions"]) == 11


def test_nothing_is_written_where_nothing_changed(cluster):
    for _ in range(2):
        cluster.side.reconcile("ns", "m")
    cluster.writes.clear()
    cluster.side.reconcile("ns", "m")
    assert cluster.writes == []
    told = cluster.objects[MIGRATION]["status"]
    assert (told["phase"], cluster.side.reconcile("ns", "m")) == ("Refused", 30.0)


def test_the_claim_then_the_switch_each_seen_before_the_next(ready):
    ready.side.reconcile("ns", "m")
    claims = f"{NAMESPACE}/persistentvolumeclaims"
    assert ready.written() == [("PATCH", f"{MIGRATION}/status"), ("POST", claims)]
    ready.side.reconcile("ns", "m")
    assert ready.written() == [("POST", f"{GROUP}/attachmentswitches")]
    made = ready.objects[f"{claims}/m"]
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"]["resources"]["requests"]["storage"] == "1Gi"
    switch = ready.objects[SWITCH]
    assert switch["spec"]["position"] == "Frozen"
    assert [owner["uid"] for owner in switch["metadata"]["ownerReferences"]] == ["11112222"]


@pytest.mark.parametrize(
    "away",
    [
        MIGRATION,
        SWITCH,
        f"{NAMESPACE}/pods",
        f"{NAMESPACE}/persistentvolumeclaims/source",
        "/apis/batch/v1/namespaces/ns/jobs",
        "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/vm",
        "/apis/storage.k8s.io/v1/storageclasses/fast",
    ],
)
def test_what_cannot_be_looked_at_is_not_taken_for_absent(ready, away):
    ready.away.add(away)
    with pytest.raises(errors.Unreachable):
        ready.side.reconcile("ns", "m")
    assert ready.writes == []


def test_a_status_of_an_older_look_is_not_written(ready, monkeypatch):
    look = ready.side._publish

    def somebody_else_first(found, after):
        ready.patch(MIGRATION, {"metadata": {"labels": {"a": "b"}}})
        return look(found, after)

    monkeypatch.setattr(ready.side, "_publish", somebody_else_first)
    with pytest.raises(errors.Conflict):
        ready.side.reconcile("ns", "m")
    assert [path for _, path, _ in ready.writes] == [f"{MIGRATION}/status"]


def test_an_object_that_is_gone_is_nothing_to_do(cluster):
    del cluster.objects[MIGRATION]
    assert cluster.side.reconcile("ns", "m") is None
    assert cluster.writes == []


def test_a_refusal_is_an_event_once(cluster):
    for _ in range(4):
        cluster.side.reconcile("ns", "m")
    events = [body for _, path, body in cluster.writes if path.endswith("/events")]
    assert [event["reason"] for event in events] == ["Refused"]
    assert events[0]["involvedObject"]["uid"] == "11112222"
    assert json.dumps(events[0]["message"]).count("VirtualMachineNotFound") == 1


def test_the_patch_of_the_emulated_api_is_the_one_we_make():
    before, after = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1}, "e": [1]}
    assert merged(before, merge_patch(before, after)) == after
