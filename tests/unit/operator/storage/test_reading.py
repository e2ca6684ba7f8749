"""Objects of the API as facts, and the Job as it is sent."""

import json

import pytest

from detour_crds import names
from detour_operator.adapters import claims, jobs, virtual_machines
from detour_operator.storage_side import reading
from detour_operator.storage_side.observation import CopierProgress

OWNER = {"apiVersion": "detour.dev/v1alpha1", "kind": "VolumeMigration", "name": "m", "uid": "u"}


def job(**changes):
    given = {
        "name": "detour-copy-1-1",
        "namespace": "ns",
        "migration": "m",
        "owner": OWNER,
        "image": "image",
        "image_pull_policy": "Never",
        "node": "node",
        "source_claim": "source",
        "destination_claim": "destination",
        "size_bytes": 4096,
        "se_linux_level": "",
        "switch_uid": "switch",
        "token": "t-1",
        "method": "HostAssisted",
    }
    return jobs.manifest(jobs.CopyJob(**{**given, **changes}))


def pod_of(manifest):
    return manifest["spec"]["template"]["spec"]


def test_the_copier_has_no_privileges_and_cannot_write_to_the_source():
    pod = pod_of(job())
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (107, 107)
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    read_only = {mount["mountPath"]: mount.get("readOnly") for mount in container["volumeMounts"]}
    assert read_only == {names.COPIER_SOURCE_PATH: True, names.COPIER_DESTINATION_PATH: None}


def test_of_a_device_the_copier_may_read_the_source_and_belongs_to_the_devices_group():
    pod = pod_of(job(source_block=True, destination_block=True))
    (container,) = pod["containers"]
    assert "volumeMounts" not in container
    assert {device["name"]: device["devicePath"] for device in container["volumeDevices"]} == {
        "source": names.COPIER_SOURCE_DEVICE,
        "destination": names.COPIER_DESTINATION_DEVICE,
    }
    assert container["command"][-2:] == ["--source-block", "--destination-block"]
    source, destination = (item["persistentVolumeClaim"] for item in pod["volumes"])
    assert source["readOnly"] is True
    assert "readOnly" not in destination
    assert pod["securityContext"]["supplementalGroups"] == [6]
    assert "supplementalGroups" not in pod_of(job())["securityContext"]


@pytest.mark.parametrize(
    ("status", "started", "stopped"),
    [
        (None, False, False),
        ({}, False, False),
        ({"printableStatus": "Stopped"}, False, True),
        ({"printableStatus": "Running", "created": True}, True, False),
        ({"created": True}, True, False),
    ],
)
def test_a_machine_is_stopped_only_if_kubevirt_says_so(status, started, stopped):
    raw = {"metadata": {"name": "vm", "uid": "u"}, "spec": {"template": {"spec": {}}}}
    found = reading.virtual_machine({**raw, **({} if status is None else {"status": status})})
    assert (found.started, found.stopped) == (started, stopped)


MIXED = {
    "a file becomes a device": (
        {"destination_block": True},
        {"source": (names.COPIER_SOURCE_PATH, True)},
        {"destination": names.COPIER_DESTINATION_DEVICE},
        ["--destination-block"],
        [None, None],
    ),
    "a device becomes a file": (
        {"source_block": True},
        {"destination": (names.COPIER_DESTINATION_PATH, None)},
        {"source": names.COPIER_SOURCE_DEVICE},
        ["--source-block"],
        [True, None],
    ),
}


@pytest.mark.parametrize(
    ("given", "mounts", "devices", "options", "read_only"), MIXED.values(), ids=MIXED
)
def test_each_side_is_had_as_what_it_is(given, mounts, devices, options, read_only):
    pod = pod_of(job(size_bytes=None, node=None, **given))
    (container,) = pod["containers"]
    assert {
        mount["name"]: (mount["mountPath"], mount.get("readOnly"))
        for mount in container["volumeMounts"]
    } == mounts
    assert {one["name"]: one["devicePath"] for one in container["volumeDevices"]} == devices
    assert container["command"] == ["python3", "-m", "detour_copier", *options]
    claims = [item["persistentVolumeClaim"] for item in pod["volumes"]]
    assert [claim["claimName"] for claim in claims] == ["source", "destination"]
    assert [claim.get("readOnly") for claim in claims] == read_only
    assert pod["securityContext"]["supplementalGroups"] == [6]
    assert pod["securityContext"]["fsGroup"] == names.QEMU_UID


@pytest.mark.parametrize("source_block", [False, True])
def test_who_looks_has_a_destination_of_the_other_kind_read_only(source_block):
    given = {"source_block": source_block, "destination_block": not source_block}
    pod = pod_of(job(copies=False, size_bytes=None, node=None, look=True, **given))
    (container,) = pod["containers"]
    (destination,) = [
        one["persistentVolumeClaim"] for one in pod["volumes"] if one["name"] == "destination"
    ]
    (mount,) = container["volumeMounts"]
    at_the_mount = mount["name"] == "destination" and mount["readOnly"]
    assert destination.get("readOnly", False) is not source_block
    assert at_the_mount is source_block


def test_who_looks_has_the_destination_alone_and_cannot_write_to_it():
    made = job(copies=False, size_bytes=None, look=True)
    pod = pod_of(made)
    (container,), (volume,) = pod["containers"], pod["volumes"]
    assert container["command"] == ["python3", "-m", "detour_copier", "--look"]
    assert volume["persistentVolumeClaim"] == {"claimName": "destination"}
    (mount,) = container["volumeMounts"]
    assert (mount["mountPath"], mount["readOnly"]) == (names.COPIER_DESTINATION_PATH, True)
    made["metadata"]["uid"] = "uid"
    assert reading.job(made).looks


def test_who_looks_at_a_device_cannot_write_to_it_either():
    pod = pod_of(job(copies=False, size_bytes=None, look=True, destination_block=True))
    (container,), (volume,) = pod["containers"], pod["volumes"]
    assert container["command"][-2:] == ["--look", "--destination-block"]
    assert volume["persistentVolumeClaim"] == {"claimName": "destination", "readOnly": True}
    (device,) = container["volumeDevices"]
    assert device["devicePath"] == names.COPIER_DESTINATION_DEVICE


def test_of_a_stopped_machine_the_source_says_where_its_pods_run():
    """The storage cannot make a copy of it anywhere else."""
    for wanted in ({}, {"look": True}):
        pod = pod_of(job(copies=False, size_bytes=None, node=None, **wanted))
        claims = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]]
        assert claims == ["source", "destination"]


def test_who_copies_does_not_only_look():
    made = job()
    made["metadata"]["uid"] = "uid"
    assert not reading.job(made).looks


@pytest.mark.parametrize(
    ("annotations", "filling"),
    [
        ({}, False),
        ({"cdi.kubevirt.io/storage.pod.phase": "Succeeded"}, False),
        ({"cdi.kubevirt.io/storage.pod.phase": "Pending"}, True),
        ({"cdi.kubevirt.io/storage.pod.phase": "Running"}, True),
        ({"cdi.kubevirt.io/storage.import.source": "none"}, True),
        ({"cdi.kubevirt.io/storage.import.endpoint": "http://images/x"}, True),
        ({"cdi.kubevirt.io/storage.upload.target": ""}, True),
        ({"k8s.io/CloneRequest": "ns/other"}, True),
        ({"k8s.io/CloneRequest": "ns/other", "k8s.io/CloneOf": "true"}, False),
        (
            {
                "cdi.kubevirt.io/storage.import.source": "none",
                "cdi.kubevirt.io/storage.pod.phase": "Succeeded",
            },
            False,
        ),
    ],
)
def test_a_claim_is_being_filled_until_cdi_has_succeeded(annotations, filling):
    raw = {"metadata": {"name": "c", "uid": "u", "annotations": annotations}, "spec": {}}
    assert reading.claim(raw).filling is filling


def test_the_copier_runs_on_the_guests_node_and_nowhere_else():
    affinity = pod_of(job())["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node"]}]
    }


def test_the_copier_has_the_guests_selinux_level():
    assert "seLinuxOptions" not in pod_of(job())["securityContext"]
    level = pod_of(job(se_linux_level="s0:c1,c2"))["securityContext"]["seLinuxOptions"]
    assert level == {"level": "s0:c1,c2"}


def test_the_job_is_found_again_by_its_labels_and_known_by_its_token():
    made = job()
    made["metadata"]["uid"] = "uid"
    seen = reading.job(made)
    assert (seen.name, seen.switch_uid, seen.token) == ("detour-copy-1-1", "switch", "t-1")
    assert (
        made["metadata"]["labels"].items()
        <= made["spec"]["template"]["metadata"]["labels"].items()
    )
    assert made["metadata"]["labels"][names.MIGRATION_LABEL] == "m"


@pytest.mark.parametrize(
    ("conditions", "finished", "failed"),
    [
        pytest.param([], False, False, id="running"),
        pytest.param([("SuccessCriteriaMet", "True")], False, False, id="its pods may still live"),
        pytest.param([("Complete", "True")], True, False, id="complete"),
        pytest.param([("FailureTarget", "True")], False, False, id="failing"),
        pytest.param([("Failed", "True")], True, True, id="failed"),
        pytest.param([("Failed", "False")], False, False, id="not failed"),
    ],
)
def test_a_jobs_end(conditions, finished, failed):
    made = job()
    made["metadata"]["uid"] = "uid"
    made["status"] = {
        "conditions": [{"type": kind, "status": is_so} for kind, is_so in conditions]
    }
    seen = reading.job(made)
    assert (seen.finished, seen.failed) == (finished, failed)


@pytest.mark.parametrize(
    ("phase", "ended"),
    [
        ("Pending", False),
        ("Running", False),
        ("Succeeded", True),
        ("Failed", True),
        ("Unknown", False),
        (None, False),
    ],
)
def test_a_copier_has_ended_only_where_it_was_seen_to(phase, ended):
    pod = {"metadata": {"name": "pod"}, "status": {"phase": phase} if phase else {}}
    assert reading.copier(pod).ended is ended


def test_a_copiers_last_words():
    told = json.dumps({"reason": "NoSpaceLeft", "message": "full"})
    status = {"containerStatuses": [{"state": {"terminated": {"message": told}}}]}
    seen = reading.copier({"metadata": {"name": "pod"}, "status": status})
    assert (seen.result_reason, seen.result_message) == ("NoSpaceLeft", "full")


@pytest.mark.parametrize("said", [None, "", "Killed", "[1]"])
def test_a_copier_that_left_no_words(said):
    status = {"containerStatuses": [{"state": {"terminated": {"message": said}}}]}
    assert reading.copier({"metadata": {"name": "pod"}, "status": status}).result_reason == ""


def test_why_a_copier_waits():
    container = {"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no image"}}}
    status = {"phase": "Pending", "containerStatuses": [container]}
    seen = reading.copier({"metadata": {"name": "pod"}, "status": status})
    assert seen.waiting == "the copier waits: ErrImageNeverPull: no image"


def test_the_last_progress_counts():
    lines = [
        {"bytesDone": 1, "bytesTotal": 9, "bytesPerSecond": 1},
        {"bytesDone": 2, "bytesTotal": 9, "bytesPerSecond": 1},
        {"reason": "ReadError"},
    ]
    assert reading.progress(lines) == CopierProgress(
        bytes_done=2, bytes_total=9, bytes_per_second=1
    )
    assert reading.progress([{"bytesDone": "x"}]) is None


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("1Gi", 2**30),
        ("1G", 10**9),
        ("1k", 1000),
        ("0.5Gi", 2**29),
        ("9007199254740993", 9007199254740993),
        ("128974848000m", 128974848),
        ("1m", 1),
    ],
)
def test_quantities_are_exact(quantity, size):
    assert claims.bytes_of(quantity) == size


def test_a_claim():
    raw = {
        "metadata": {
            "name": "c",
            "uid": "u",
            "annotations": {names.DESTINATION_OF_ANNOTATION: "migration"},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "fast",
        },
        "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
    }
    seen = reading.claim(raw)
    assert (seen.requested, seen.capacity, seen.block) == (2**30, 2**31, False)
    assert (seen.created_for, seen.phase) == ("migration", "Bound")


def test_a_claim_that_was_made_just_now():
    raw = {"metadata": {"name": "c", "uid": "u"}, "spec": {"volumeMode": "Block"}}
    seen = reading.claim(raw)
    assert (seen.phase, seen.capacity, seen.block, seen.created_for) == (
        "Pending",
        None,
        True,
        None,
    )


def test_the_claims_of_a_machines_volumes():
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "claim-a"}},
        {"name": "b", "dataVolume": {"name": "claim-b"}},
        {"name": "c", "cloudInitNoCloud": {}},
    ]
    machine = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    found = virtual_machines.claims_of(machine)
    assert found == {"a": "claim-a", "b": "claim-b", "c": None}
