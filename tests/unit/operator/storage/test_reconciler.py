"""One pass against a small API over HTTP: what is written, in which order, and what is not."""

import copy
import json

import pytest

from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.serialise import merge_patch
from detour_operator import errors, storage_side
from detour_operator.metrics.families import REGISTRY
from detour_operator.settings import Settings
from detour_operator.storage_side.reconciler import StorageSide
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
        self.objects = {
            MIGRATION: migration(),
            NAMESPACE: {"metadata": {"name": "ns"}, "status": {"phase": "Active"}},
        }
        self.away = set()
        self.refuses = set()
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
        if request.method == "DELETE":
            return 200, {}
        if request.method == "POST" and path in self.refuses:
            return status(403, "Forbidden", "exceeded quota: few")
        if request.method == "POST":
            name = request.body["metadata"]["name"]
            made = copy.deepcopy(request.body)
            made["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "1"}
            self.objects[f"{path}/{name}"] = made
            return 201, made
        if isinstance(request.body, list):
            return 200, self.objects[path]
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


KINDS = (
    "jobs",
    "pods",
    "attachmentswitches",
    "virtualmachines",
    "volumesnapshots",
    "volumesnapshotclasses",
    "events",
)


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
    StorageSide(ready.side._api, SETTINGS).reconcile("ns", "m")
    assert counted("detour_operator_migrations_ended_total", **labels) == before + 1
    assert counted("detour_operator_migrations", phase="Cancelled") == there + 1
    del ready.objects[MIGRATION]
    ready.side.reconcile("ns", "m")
    assert counted("detour_operator_migrations", phase="Cancelled") == there


def test_words_alone_wait_for_a_second(ready):
    now = [0.0]
    side = StorageSide(ready.side._api, SETTINGS, clock=lambda: now[0])
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


CLAIMS = f"{NAMESPACE}/persistentvolumeclaims"
JOBS = "/apis/batch/v1/namespaces/ns/jobs"
SNAPSHOT_API = "/apis/snapshot.storage.k8s.io/v1"
SNAPSHOTS = f"{SNAPSHOT_API}/namespaces/ns/volumesnapshots"
TOKEN = "uid-m-1"  # noqa: S105 - names an attempt
SNAPSHOT = f"{SNAPSHOTS}/detour-{TOKEN}"
JOB = f"{JOBS}/detour-copy-11112222-1"


@pytest.fixture
def offering(ready):
    """One CSI driver for both classes, with snapshots."""
    ready.objects[f"{CLAIMS}/source"]["spec"]["volumeName"] = "pv"
    ready.objects |= {
        "/api/v1/persistentvolumes/pv": {"spec": {"csi": {"driver": "csi.test"}}},
        "/apis/storage.k8s.io/v1/storageclasses/fast": {
            "metadata": {"name": "fast"},
            "provisioner": "csi.test",
        },
        f"{SNAPSHOT_API}/volumesnapshotclasses/snaps": {
            "metadata": {"name": "snaps", "uid": "snaps"},
            "driver": "csi.test",
            "deletionPolicy": "Delete",
        },
    }
    return ready


def freeze(cluster):
    """What compute side and node agent say of a frozen source."""
    frozen = {"type": "SourceFrozen", "status": "True", "reason": "Frozen", "message": ""}
    cluster.objects[SWITCH]["status"] = {
        "position": "Frozen",
        "conditions": [{**frozen, "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "compute": {
            "token": TOKEN,
            "attempt": 1,
            "node": "node",
            "order": "Overlay",
            "sourceClaim": {"name": "source", "uid": "source"},
        },
        "node": {
            "token": TOKEN,
            "inspection": {"reason": "Accepted", "virtualSizeBytes": 1 << 30},
        },
    }


def pass_until_it_writes(cluster):
    """The writes of the first pass that does more than to record."""
    for _ in range(5):
        cluster.side.reconcile("ns", "m")
        found = [
            write
            for write in cluster.writes
            if not write[1].endswith(("/events", f"{MIGRATION}/status"))
        ]
        cluster.writes.clear()
        if found:
            return found
    raise AssertionError("nothing is written any more")


def test_the_storages_way_from_the_start_to_the_named_destination(offering):
    ((method, path, switch),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", f"{GROUP}/attachmentswitches")
    assert "destination" not in switch["spec"]
    told = offering.objects[MIGRATION]["status"]["copyMethod"]
    assert (told["name"], told["snapshotClass"]) == ("VolumeSnapshot", "snaps")
    freeze(offering)

    ((method, path, snapshot),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", SNAPSHOTS)
    assert snapshot["spec"]["source"] == {"persistentVolumeClaimName": "source"}
    assert [owner["uid"] for owner in snapshot["metadata"]["ownerReferences"]] == ["11112222"]
    offering.objects[SNAPSHOT]["status"] = {"readyToUse": True, "restoreSize": "2Gi"}

    ((method, path, made),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", CLAIMS)
    assert made["spec"]["dataSource"]["name"] == f"detour-{TOKEN}"
    assert made["spec"]["resources"]["requests"]["storage"] == str(2 << 30)
    assert "ownerReferences" not in made["metadata"]

    ((method, path, job),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", JOBS)
    pod = job["spec"]["template"]["spec"]
    assert [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]] == ["m"]
    assert "--check" in pod["containers"][0]["command"]
    offering.objects[JOB]["spec"]["suspend"] = False
    complete = {"type": "Complete", "status": "True"}
    offering.objects[JOB]["status"] = {"conditions": [complete]}
    offering.objects[f"{CLAIMS}/m"]["status"] = {"phase": "Bound"}

    drop, name = pass_until_it_writes(offering)
    assert (drop[0], drop[1]) == ("DELETE", SNAPSHOT)
    assert drop[2]["preconditions"] == {"uid": f"uid-detour-{TOKEN}"}
    same = {"op": "test", "path": "/metadata/uid", "value": "uid-m"}
    wanted = {"op": "add", "path": "/spec/destination", "value": {"claimName": "m"}}
    assert name == ("PATCH", SWITCH, [same, wanted])
    offering.objects[SWITCH]["spec"]["destination"] = {"claimName": "m"}
    noted = {"name": "m", "uid": "uid-m"}
    offering.objects[SWITCH]["status"]["compute"]["destinationClaim"] = noted
    del offering.objects[SNAPSHOT]

    (ask,) = pass_until_it_writes(offering)
    assert ask[2][1] == {"op": "replace", "path": "/spec/position", "value": "Destination"}
    assert offering.objects[MIGRATION]["status"]["copied"]["token"] == TOKEN


def told_of(cluster, kind):
    conditions = cluster.objects[MIGRATION]["status"]["conditions"]
    return next(item for item in conditions if item["type"] == kind)


def passes(cluster):
    for _ in range(5):
        cluster.side.reconcile("ns", "m")


def refused_pass(cluster):
    with pytest.raises(errors.Refused):
        passes(cluster)


def test_what_may_not_be_made_while_the_source_is_frozen_is_given_up(offering):
    """Else the machine were locked until somebody wonders why nothing comes of it."""
    pass_until_it_writes(offering)
    freeze(offering)
    offering.refuses = {SNAPSHOTS, CLAIMS, JOBS}
    tried = []
    for _ in range(3):
        refused_pass(offering)
        tried.append(offering.objects[MIGRATION]["status"]["copyMethod"]["name"])
        if told_of(offering, "Copied")["status"] == "False":
            break
    assert tried == ["CSIClone", "HostAssisted", "HostAssisted"]
    copied = told_of(offering, "Copied")
    assert (copied["status"], copied["reason"]) == ("False", "ClaimRefused")
    assert "exceeded quota: few" in copied["message"]
    offering.writes.clear()
    (ask,) = pass_until_it_writes(offering)
    assert ask[2][1] == {"op": "replace", "path": "/spec/position", "value": "Source"}


def copying_job(cluster):
    """A Job that was started a while ago."""
    cluster.objects[MIGRATION]["spec"]["copy"] = {"method": "HostAssisted"}
    while SWITCH not in cluster.objects:
        pass_until_it_writes(cluster)
    freeze(cluster)
    while JOB not in cluster.objects:
        pass_until_it_writes(cluster)
    job = cluster.objects[JOB]
    job["spec"]["suspend"] = False
    job["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    return job


def warn(cluster, uid, **event):
    cluster.objects[f"{NAMESPACE}/events/{uid}"] = {
        "metadata": {"name": uid},
        "involvedObject": {"uid": uid},
        "type": "Warning",
        "lastTimestamp": "2099-01-01T00:00:00Z",  # events are not chosen here
        **event,
    }


@pytest.mark.parametrize("of", ["pod", "Job"])
def test_why_a_copier_does_not_start_is_told_by_events_alone(offering, of):
    job = copying_job(offering)
    uid = job["metadata"]["uid"]
    if of == "pod":
        uid = "pod"
        offering.objects[f"{NAMESPACE}/pods/copy"] = {
            "metadata": {
                "name": "copy", "uid": uid, "labels": job["metadata"]["labels"],
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "status": {"phase": "Pending"},
        }  # fmt: skip
    warn(offering, uid, reason="FailedMount", message="already mounted elsewhere")
    StorageSide(offering.side._api, SETTINGS).reconcile("ns", "m")
    told = "the copier waits: FailedMount: already mounted elsewhere"
    assert told in told_of(offering, "Reconciling")["message"]


def test_one_that_has_just_been_made_may_have_warned_for_nothing(offering):
    job = copying_job(offering)
    del job["metadata"]["creationTimestamp"]
    warn(offering, job["metadata"]["uid"], reason="FailedMount", message="not yet")
    StorageSide(offering.side._api, SETTINGS).reconcile("ns", "m")
    assert "FailedMount" not in told_of(offering, "Reconciling")["message"]


def test_what_may_not_be_made_before_that_is_told_and_tried_again(cluster, offering):
    offering.refuses = {f"{GROUP}/attachmentswitches"}
    for _ in range(2):
        refused_pass(offering)
    assert "exceeded quota: few" in told_of(offering, "Reconciling")["message"]
    offering.refuses = set()
    offering.writes.clear()
    ((_, path, _),) = pass_until_it_writes(offering)
    assert path == f"{GROUP}/attachmentswitches"


@pytest.mark.parametrize(
    "away", [f"{SNAPSHOT_API}/volumesnapshotclasses", "/api/v1/persistentvolumes/pv"]
)
def test_a_storage_that_cannot_be_asked_is_not_taken_for_one_that_cannot_copy(offering, away):
    offering.away.add(away)
    with pytest.raises(errors.Unreachable):
        offering.side.reconcile("ns", "m")
    assert offering.writes == []


@pytest.mark.parametrize("away", [SNAPSHOTS, f"{CLAIMS}/m", f"{NAMESPACE}/events"])
def test_nothing_is_given_up_on_the_strength_of_not_knowing(offering, away):
    pass_until_it_writes(offering)
    freeze(offering)
    pass_until_it_writes(offering)
    offering.objects[SNAPSHOT]["status"] = {"readyToUse": True}
    pass_until_it_writes(offering)
    offering.away.add(away)
    with pytest.raises(errors.Unreachable):
        offering.side.reconcile("ns", "m")
    assert offering.writes == []
