"""What virt-controller does with a VMI and its pod: KubeVirt facts 4, 6.3, 7 and 9."""

import pytest

from kubevirt.controller import launcher_pod, migration, vmi, volumes
from kubevirt.objects import copied, has_condition
from unit.kubevirt.builders import VMI_UID, claim, pod, volume
from unit.kubevirt.builders import vmi as a_vmi

CLAIMS = {name: claim(name) for name in ("src", "dst")}


@pytest.mark.parametrize(
    ("phase", "pods", "after"),
    [
        ("Pending", [], "Pending"),
        ("Pending", [pod(ready=False)], "Scheduling"),
        ("Scheduling", [pod(ready=False)], "Scheduling"),
        ("Scheduling", [pod()], "Scheduled"),
        ("Scheduling", [], "Failed"),
        ("Scheduled", [pod(phase="Failed")], "Failed"),
        ("Running", [pod(phase="Failed")], "Running"),
        ("Running", [], "Failed"),
    ],
)
def test_phases(phase, pods, after):
    found = a_vmi(phase=phase)
    if phase in ("Pending", "Scheduling"):
        del found["status"]["nodeName"]
    assert vmi.updated(found, pods, CLAIMS)["status"]["phase"] == after


def test_a_scheduled_vmi_names_its_node():
    found = a_vmi(phase="Scheduling")
    del found["status"]["nodeName"]
    fresh = vmi.updated(found, [pod()], CLAIMS)
    assert fresh["status"]["nodeName"] == "node-1"
    assert fresh["metadata"]["labels"]["kubevirt.io/nodeName"] == "node-1"
    assert fresh["status"]["activePods"] == {"uid-of-virt-launcher-vm1-abcde": "node-1"}


def test_the_target_of_a_migration_is_active_but_not_current():
    target = pod("target", node="node-2", **{"kubevirt.io/migrationJobUID": "m"})
    pods = [pod(), target]
    assert vmi.current_pod(a_vmi(), pods) == pods[0]
    assert set(vmi.active_pods(pods).values()) == {"node-1", "node-2"}


def test_one_pod_is_made_and_only_before_the_start():
    assert vmi.needs_pod(a_vmi(phase="Pending"), [])
    assert not vmi.needs_pod(a_vmi(phase="Pending"), [pod()])
    assert not vmi.needs_pod(a_vmi(phase="Failed"), [])


def test_the_status_follows_the_claim_the_spec_names():
    before = vmi.updated(a_vmi(), [pod()], CLAIMS)
    moved = copied(before)
    moved["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "dst"
    after = vmi.updated(moved, [pod()], CLAIMS)["status"]["volumeStatus"][0]
    assert after["persistentVolumeClaimInfo"]["claimName"] == "dst"
    assert after["persistentVolumeClaimInfo"]["filesystemOverhead"] == "0.055"
    assert "hotplugVolume" not in after


def test_a_volume_the_pod_does_not_have_is_a_hotplugged_one():
    fresh = vmi.updated(a_vmi(volume("root", "src"), volume("more", "dst")), [pod()], CLAIMS)
    plugged = {e["name"]: "hotplugVolume" in e for e in fresh["status"]["volumeStatus"]}
    assert plugged == {"root": False, "more": True}


def migrated(source, destination="dst", name="root"):
    return {
        "volumeName": name,
        "sourcePVCInfo": {"claimName": source},
        "destinationPVCInfo": {"claimName": destination},
    }


def test_migrated_volumes_with_their_source_elsewhere_start_a_migration():
    found = a_vmi(volume("root", "dst"), migratedVolumes=[migrated("src")])
    assert has_condition(vmi.updated(found, [pod()], CLAIMS), "VolumesChange")


def test_migrated_volumes_that_name_the_claim_itself_do_not():
    found = a_vmi(volume("root", "dst"), migratedVolumes=[migrated("dst")])
    assert not volumes.requires_volumes_update(found)


def test_every_claim_volume_must_be_listed_or_a_migration_starts():
    both = (volume("root", "dst"), volume("data", "data"))
    assert volumes.requires_volumes_update(a_vmi(*both, migratedVolumes=[migrated("dst")]))
    listed = [migrated("dst"), migrated("data", "data", "data")]
    assert not volumes.requires_volumes_update(a_vmi(*both, migratedVolumes=listed))


def test_a_condition_of_any_status_is_a_guard_too():
    conditions = [{"type": "VolumesChange", "status": "False"}]
    found = a_vmi(volume("root", "dst"), migratedVolumes=[migrated("src")], conditions=conditions)
    assert not volumes.requires_volumes_update(found)


def test_a_listing_without_claim_infos_breaks_the_controller():
    with pytest.raises(KeyError):
        volumes.requires_volumes_update(a_vmi(migratedVolumes=[{"volumeName": "root"}]))


def rendered(found=None, **claims):
    return launcher_pod.render(found or a_vmi(), 128 << 20, CLAIMS | claims)


def test_names_and_labels_of_the_launcher_pod():
    metadata = rendered()["metadata"]
    assert metadata["generateName"] == "virt-launcher-vm1-"
    assert metadata["labels"]["kubevirt.io"] == "virt-launcher"
    assert metadata["labels"]["kubevirt.io/created-by"] == VMI_UID
    assert metadata["labels"]["vm.kubevirt.io/name"] == "vm1"
    assert metadata["annotations"]["kubevirt.io/domain"] == "vm1"
    assert metadata["ownerReferences"][0]["controller"] is True


def test_the_launcher_runs_without_privileges():
    compute = rendered()["spec"]["containers"][0]
    assert compute["name"] == "compute"
    assert compute["securityContext"]["runAsUser"] == 107
    assert compute["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": ["NET_BIND_SERVICE"],
    }


def test_the_pod_is_user_107s_and_so_are_its_volumes():
    context = rendered()["spec"]["securityContext"]
    assert {context[name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {107}
    assert context["runAsNonRoot"] is True
    console = rendered()["spec"]["containers"][1]["securityContext"]
    assert console["capabilities"] == {"drop": ["ALL"]}


def test_the_launchers_own_folders():
    spec = rendered()["spec"]
    empty = {found["name"] for found in spec["volumes"] if "emptyDir" in found}
    where = {name: mounts(spec["containers"][0])[name]["mountPath"] for name in empty}
    assert where == {
        "private": "/var/run/kubevirt-private",
        "public": "/var/run/kubevirt",
        "sockets": "/var/run/kubevirt/sockets",
        "ephemeral-disks": "/var/run/kubevirt-ephemeral-disks",
        "libvirt-runtime": "/var/run/libvirt",
        "container-disks": "/var/run/kubevirt/container-disks",
        "hotplug-disks": "/var/run/kubevirt/hotplug-disks",
    }


def mounts(compute):
    return {mount["name"]: mount for mount in compute["volumeMounts"]}


def test_where_volumes_are_in_the_launcher():
    found = a_vmi(volume("root", "src"), volume("raw", "raw"))
    compute = rendered(found, raw=claim("raw", volume_mode="Block"))["spec"]["containers"][0]
    assert mounts(compute)["root"]["mountPath"] == "/var/run/kubevirt-private/vmi-disks/root"
    assert "mountPropagation" not in mounts(compute)["root"]
    assert mounts(compute)["hotplug-disks"]["mountPropagation"] == "HostToContainer"
    assert compute["volumeDevices"] == [{"name": "raw", "devicePath": "/dev/raw"}]


def test_the_pod_of_a_vmi_mounts_what_its_spec_names():
    moved = a_vmi(volume("root", "dst"))
    found = {v["name"]: v for v in rendered(moved)["spec"]["volumes"]}
    assert found["root"]["persistentVolumeClaim"]["claimName"] == "dst"


def test_the_annotation_chooses_the_launcher():
    chosen = a_vmi()
    chosen["metadata"]["annotations"] = {"detour.dev/test-launcher": "sid"}
    assert launcher_pod.launcher_image(chosen) == "localhost/detour-launcher-sid:dev"
    assert launcher_pod.launcher_image(a_vmi()) == "localhost/detour-launcher-trixie:dev"


def test_shared_folders_are_told_to_libvirt():
    shared = a_vmi(
        volumeStatus=[
            {"name": "root", "persistentVolumeClaimInfo": {"accessModes": ["ReadWriteMany"]}}
        ]
    )
    for found, folders in ((a_vmi(), ""), (shared, "/var/run/kubevirt-private/vmi-disks/root")):
        environment = rendered(found)["spec"]["containers"][0]["env"]
        assert environment == [{"name": "SHARED_FILESYSTEM_PATHS", "value": folders}]


A_MIGRATION = {
    "metadata": {"name": "m", "uid": "m"},
    "spec": {"vmiName": "vm1"},
    "status": {"phase": "Pending"},
}


def test_a_target_pod_avoids_the_vmis_node():
    made = launcher_pod.render_target(a_vmi(), 1, CLAIMS, A_MIGRATION)
    terms = made["spec"]["affinity"]["podAntiAffinity"]
    term = terms["requiredDuringSchedulingIgnoredDuringExecution"][0]
    assert term["labelSelector"]["matchLabels"] == {"kubevirt.io/created-by": VMI_UID}
    assert made["metadata"]["labels"]["kubevirt.io/migrationJobUID"] == "m"


TARGET = pod("target", node="node-2", **{"kubevirt.io/migrationJobUID": "m"})
STATE = {"migrationUid": "m", "targetNode": "node-2", "targetPod": "target"}


@pytest.mark.parametrize(
    ("phase", "state", "pods", "after"),
    [
        ("Pending", None, [], "Pending"),
        ("Pending", None, [TARGET], "Scheduling"),
        ("Scheduling", None, [TARGET], "Scheduled"),
        ("Scheduling", None, [], "Failed"),
        ("Scheduled", STATE, [TARGET], "PreparingTarget"),
        ("PreparingTarget", STATE | {"targetNodeAddress": "a"}, [TARGET], "TargetReady"),
        ("TargetReady", STATE | {"startTimestamp": "t"}, [TARGET], "Running"),
        ("Running", STATE | {"startTimestamp": "t", "endTimestamp": "t"}, [TARGET], "Succeeded"),
        ("Running", STATE | {"endTimestamp": "t", "failed": True}, [TARGET], "Failed"),
        ("Running", {"migrationUid": "another", "endTimestamp": "t"}, [], "Failed"),
    ],
)
def test_phases_of_a_migration(phase, state, pods, after):
    found = copied(A_MIGRATION)
    found["status"]["phase"] = phase
    running = a_vmi(**({"migrationState": state} if state else {}))
    assert migration.next_phase(found, running, pods, 1767225600.0) == after


def test_a_migration_of_a_vmi_that_ended_fails():
    assert migration.next_phase(A_MIGRATION, None, [], 0.0) == "Failed"
    assert migration.next_phase(A_MIGRATION, a_vmi(phase="Failed"), [], 0.0) == "Failed"


def test_the_pod_of_a_paused_guest_is_not_ready():
    paused = a_vmi(conditions=[{"type": "Paused", "status": "True"}])
    assert rendered()["spec"]["readinessGates"] == [{"conditionType": launcher_pod.UNPAUSED}]
    ready = pod()
    ready["status"]["conditions"] = [{"type": launcher_pod.UNPAUSED, "status": "True"}]
    assert vmi.unpaused_condition(a_vmi(), pod())["status"] == "True"
    assert vmi.unpaused_condition(a_vmi(), ready) is None
    assert vmi.unpaused_condition(paused, ready)["status"] == "False"
    assert vmi.unpaused_condition(paused, pod(phase="Succeeded")) is None
