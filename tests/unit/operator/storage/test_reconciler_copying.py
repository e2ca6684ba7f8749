"""The storage makes the copy, or a Job: what a pass asks for, and what where that is refused."""

import pytest

from detour_operator import errors
from detour_operator.reconcile.turn import Unlimited
from detour_operator.storage_side.reconciler import StorageSide
from unit.operator.storage.reconciling import (
    CLAIMS,
    GROUP,
    JOB,
    JOBS,
    MACHINE,
    MIGRATION,
    NAMESPACE,
    SETTINGS,
    SNAPSHOT,
    SNAPSHOT_API,
    SNAPSHOTS,
    SWITCH,
    TOKEN,
    freeze,
    pass_until_it_writes,
)


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


@pytest.mark.parametrize("mode", ["Block", "Filesystem"])
def test_a_stopped_machine_s_disk_is_copied_by_a_job_that_knows_both_modes(offering, mode):
    """From what the template says to what the Job is told, and by no snapshot."""
    other = "Filesystem" if mode == "Block" else "Block"
    offering.objects[f"{CLAIMS}/source"]["spec"]["volumeMode"] = other
    offering.objects[MACHINE]["status"] = {"printableStatus": "Stopped"}
    wanted = {"claimTemplate": {"volumeMode": mode}}
    offering.objects[MIGRATION]["spec"]["destination"] = wanted
    ((method, path, made),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", CLAIMS)
    assert made["spec"]["volumeMode"] == mode
    told = offering.objects[MIGRATION]["status"]["copyMethod"]
    why = {one["name"]: one["reason"] for one in told["refused"]}
    assert told["name"] == "HostAssisted"
    assert why["VolumeSnapshot"] == why["CSIClone"] == "VolumeModeKept"
    ((_, path, _),) = pass_until_it_writes(offering)
    assert path == f"{GROUP}/attachmentswitches"
    freeze(offering)
    status = offering.objects[SWITCH]["status"]
    status["compute"] |= {"offline": True, "node": None, "volumeMode": other, "order": ""}
    del status["node"]
    ((method, path, job),) = pass_until_it_writes(offering)
    assert (method, path) == ("POST", JOBS)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    side = "destination" if mode == "Block" else "source"
    assert container["command"] == ["python3", "-m", "detour_copier", f"--{side}-block"]
    assert [one["name"] for one in container["volumeDevices"]] == [side]


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


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("VolumeSnapshot", SNAPSHOTS, "SnapshotRefused"),
        ("CSIClone", CLAIMS, "ClaimRefused"),
        ("HostAssisted", JOBS, "JobRefused"),
    ],
)
def test_what_is_refused_to_a_method_that_is_asked_for_fails_the_copy(
    offering, method, path, reason
):
    offering.objects[MIGRATION]["spec"]["copy"] = {"method": method}
    while SWITCH not in offering.objects:
        pass_until_it_writes(offering)
    freeze(offering)
    offering.refuses = {path}
    refused_pass(offering)
    copied = told_of(offering, "Copied")
    assert (copied["status"], copied["reason"]) == ("False", reason)
    assert "exceeded quota: few" in copied["message"]


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
    StorageSide(offering.side._api, SETTINGS, Unlimited()).reconcile("ns", "m")
    told = "the copier waits: FailedMount: already mounted elsewhere"
    assert told in told_of(offering, "Reconciling")["message"]


def test_no_pass_fails_for_events_that_cannot_be_read(offering):
    """Only words rest on them, and the longer limit of a copier that is not heard of."""
    copying_job(offering)
    offering.away.add(f"{NAMESPACE}/events")
    StorageSide(offering.side._api, SETTINGS, Unlimited()).reconcile("ns", "m")


def test_one_that_has_just_been_made_may_have_warned_for_nothing(offering):
    job = copying_job(offering)
    del job["metadata"]["creationTimestamp"]
    warn(offering, job["metadata"]["uid"], reason="FailedMount", message="not yet")
    StorageSide(offering.side._api, SETTINGS, Unlimited()).reconcile("ns", "m")
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
