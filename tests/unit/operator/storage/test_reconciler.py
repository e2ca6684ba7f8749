"""One pass against a small API over HTTP: what is written, in which order, and what is not."""

import json

import pytest

from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.serialise import merge_patch
from detour_operator import errors
from detour_operator.metrics.families import REGISTRY
from detour_operator.reconcile.turn import Unlimited
from detour_operator.storage_side.reconciler import StorageSide
from unit.operator.api_server import status
from unit.operator.storage.reconciling import (
    GROUP,
    MIGRATION,
    NAMESPACE,
    SETTINGS,
    SWITCH,
    claim,
    machine,
    merged,
)


def test_the_status_is_durable_before_the_effect(cluster):
    cluster.side.reconcile("ns", "m")
    assert cluster.written() == [("PATCH", f"{MIGRATION}/status"), ("PATCH", MIGRATION)]
    assert cluster.objects[MIGRATION]["metadata"]["finalizers"] == [MIGRATION_FINALIZER]
    assert len(cluster.objects[MIGRATION]["status"]["conditions"]) == 12


def test_nothing_is_written_where_nothing_changed(cluster):
    for _ in range(2):
        cluster.side.reconcile("ns", "m")
    cluster.writes.clear()
    cluster.side.reconcile("ns", "m")
    assert cluster.writes == []
    told = cluster.objects[MIGRATION]["status"]
    assert (told["phase"], cluster.side.reconcile("ns", "m").after) == ("Refused", 30.0)


def test_a_pass_settles_what_leaves_it_nothing_to_do(cluster):
    def version():
        return cluster.objects[MIGRATION]["metadata"]["resourceVersion"]

    assert cluster.side.reconcile("ns", "m").settled is None, "an action's effect is looked at"
    assert cluster.side.reconcile("ns", "m").settled is None, "what was recorded is looked at"
    assert cluster.side.reconcile("ns", "m").settled == version()
    del cluster.objects[MIGRATION]
    assert cluster.side.reconcile("ns", "m").settled is None


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


def counted(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0


def test_an_end_is_counted_by_the_pass_that_wrote_it_and_by_no_other(ready):
    """It is cancelled before anything was begun; another writer comes first at the first try."""
    labels = {"phase": "Cancelled", "reason": "Cancelled", "method": "None"}
    before = counted("detour_operator_migrations_ended_total", **labels)
    there = counted("detour_operator_migrations", phase="Cancelled")
    ready.objects[MIGRATION]["spec"]["cancel"] = True
    real, conflicts = ready.patch, [1]

    def patch(path, body):
        return status(409, "Conflict") if conflicts and conflicts.pop() else real(path, body)

    ready.patch = patch
    with pytest.raises(errors.Conflict):
        ready.side.reconcile("ns", "m")
    assert counted("detour_operator_migrations_ended_total", **labels) == before
    for _ in range(3):
        ready.side.reconcile("ns", "m")
    StorageSide(ready.side._api, SETTINGS, Unlimited()).reconcile("ns", "m")
    assert counted("detour_operator_migrations_ended_total", **labels) == before + 1
    assert counted("detour_operator_migrations", phase="Cancelled") == there + 1
    del ready.objects[MIGRATION]
    ready.side.reconcile("ns", "m")
    assert counted("detour_operator_migrations", phase="Cancelled") == there


def test_words_alone_wait_for_a_second(ready):
    now = [0.0]
    side = StorageSide(ready.side._api, SETTINGS, Unlimited(), clock=lambda: now[0])
    side.reconcile("ns", "m")
    side.reconcile("ns", "m")
    ready.writes.clear()
    told = {"type": "Ready", "status": "False", "reason": "Holding", "message": "a pod is made"}
    ready.objects[SWITCH]["status"] = {"conditions": [told]}
    early = side.reconcile("ns", "m")
    assert (ready.writes, early.after) == ([], 1.0)
    now[0] = 1.0
    side.reconcile("ns", "m")
    assert ready.written() == [("PATCH", f"{MIGRATION}/status")]
    conditions = ready.objects[MIGRATION]["status"]["conditions"]
    (words,) = [item["message"] for item in conditions if item["type"] == "Ready"]
    assert words == "a pod is made"


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
    assert cluster.side.reconcile("ns", "m").after is None
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


@pytest.fixture
def moved(cluster):
    """A move that has succeeded, and whose source claim is to be deleted."""
    told = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": ""}
    raw = cluster.objects[MIGRATION]
    raw["metadata"]["finalizers"] = [MIGRATION_FINALIZER]
    raw["spec"]["sourceReclaimPolicy"] = "Delete"
    raw["status"] = {
        "phase": "Succeeded",
        "conditions": [{**told, "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "sourceClaim": "source",
        "sourceClaimUID": "source",
        "destinationClaim": "m",
    }
    stale = claim("source")
    stale["metadata"]["labels"] = {"detour.dev/superseded": "true"}
    stale["metadata"]["annotations"] = {"detour.dev/superseded-for": "vm/data"}
    cluster.objects |= {
        OLD_CLAIM: stale,
        "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/vm": machine("m"),
    }
    return cluster


OLD_CLAIM = f"{NAMESPACE}/persistentvolumeclaims/source"
DATA_VOLUME = "/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/source"
OWNED = [{"kind": "DataVolume", "name": "source", "uid": "dv-uid"}]


@pytest.mark.parametrize(
    ("owners", "path", "uid"),
    [([], OLD_CLAIM, "source"), (OWNED, DATA_VOLUME, "dv-uid")],
    ids=["a claim", "a DataVolume's claim"],
)
def test_the_very_source_is_deleted_by_its_uid(moved, owners, path, uid):
    moved.objects[OLD_CLAIM]["metadata"]["ownerReferences"] = owners
    moved.side.reconcile("ns", "m")
    ((method, asked, body),) = [write for write in moved.writes if write[0] == "DELETE"]
    assert (method, asked, body["preconditions"]) == ("DELETE", path, {"uid": uid})


def test_a_launcher_that_has_the_source_keeps_it(moved):
    volume = {"persistentVolumeClaim": {"claimName": "source"}}
    moved.objects[f"{NAMESPACE}/pods/launcher"] = {
        "metadata": {"name": "launcher"},
        "spec": {"volumes": [volume]},
        "status": {"phase": "Running"},
    }
    assert moved.side.reconcile("ns", "m").after == 30
    assert not [write for write in moved.writes if write[0] == "DELETE"]
    told = {item["type"]: item for item in moved.objects[MIGRATION]["status"]["conditions"]}
    assert told["SourceDeleted"]["reason"] == "SourceClaimInUse"
    assert "pod launcher" in told["SourceDeleted"]["message"]
    moved.objects[f"{NAMESPACE}/pods/launcher"]["status"]["phase"] = "Succeeded"
    moved.side.reconcile("ns", "m")
    assert [path for method, path, _ in moved.writes if method == "DELETE"] == [OLD_CLAIM]


@pytest.mark.parametrize("away", [OLD_CLAIM, f"{NAMESPACE}/pods"])
def test_nothing_is_deleted_on_the_strength_of_not_knowing(moved, away):
    moved.away.add(away)
    with pytest.raises(errors.Unreachable):
        moved.side.reconcile("ns", "m")
    assert moved.writes == []


def test_a_source_whose_uid_was_not_recorded_is_not_judged(moved):
    del moved.objects[MIGRATION]["status"]["sourceClaimUID"]
    assert moved.side.reconcile("ns", "m").after is None
    told = {item["type"] for item in moved.objects[MIGRATION]["status"]["conditions"]}
    assert "SourceDeleted" not in told


def test_the_manifest_that_was_applied_last_is_read(moved):
    applied = json.dumps(machine("source"))
    vm = moved.objects["/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/vm"]
    for noted, reason in ((applied, "ManifestNamesSource"), ("no json", "Done")):
        vm["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": noted}
        moved.side.reconcile("ns", "m")
        told = {item["type"]: item for item in moved.objects[MIGRATION]["status"]["conditions"]}
        assert told["HandedOver"]["reason"] == reason
