"""Volumes that come and go while the guest runs: KubeVirt facts 4, 5 and 11."""

from kubevirt.controller import hotplug
from kubevirt.objects import copied
from unit.kubevirt.builders import claim, pod, volume
from unit.kubevirt.builders import vm as a_vm
from unit.kubevirt.builders import vmi as a_vmi

ROOT = volume("root", "src")
CLAIMS = {name: claim(name) for name in ("src", "hot", "dst")}
LAUNCHER = pod()


def plugged(claim_name="hot"):
    return {
        "name": "hot",
        "persistentVolumeClaim": {"claimName": claim_name, "hotpluggable": True},
    }


def on(*volumes, phase="Ready"):
    return a_vmi(*volumes, volumeStatus=[{"name": "hot", "hotplugVolume": {}, "phase": phase}])


def changes(patch):
    return {change["path"]: change.get("value") for change in patch}


def test_a_declared_volume_is_plugged_with_its_disk():
    found = changes(hotplug.plan(a_vm(ROOT, plugged()), a_vmi()))
    assert found["/spec/volumes"] == [ROOT, plugged()]
    assert [disk["name"] for disk in found["/spec/domain/devices/disks"]] == ["root", "hot"]


def test_nothing_is_done_when_vm_and_vmi_agree():
    assert hotplug.plan(a_vm(ROOT, plugged()), on(ROOT, plugged())) == []
    assert hotplug.plan(a_vm(), a_vmi()) == []


def test_a_vmi_handed_to_another_claim_is_unplugged_and_plugged_as_declared():
    declared = a_vm(ROOT, plugged())
    found = changes(hotplug.plan(declared, on(ROOT, plugged("dst"))))
    assert found["/spec/volumes"] == [ROOT]
    leaving = on(ROOT, phase="Detaching")
    assert hotplug.plan(declared, leaving) == []
    assert changes(hotplug.plan(declared, a_vmi()))["/spec/volumes"] == [ROOT, plugged()]


def test_a_permanent_volume_that_differs_is_left_alone():
    assert hotplug.plan(a_vm(), a_vmi(volume("root", "dst"))) == []


def running_attachment(names, uid="uid-of-launcher"):
    made = pod("hp-volume-x")
    made["metadata"]["ownerReferences"] = [{"uid": uid, "controller": True, "kind": "Pod"}]
    made["spec"]["volumes"] = [{"name": name} for name in ("hotplug-disks", *names)]
    return made


def test_a_plugged_volume_gets_a_pod_on_the_launchers_node():
    made, unneeded = hotplug.reconcile(on(ROOT, plugged()), LAUNCHER, [], CLAIMS)
    assert unneeded == []
    assert made["metadata"]["generateName"] == "hp-volume-"
    assert made["metadata"]["labels"] == {"kubevirt.io": "hotplug-disk"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == LAUNCHER["metadata"]["uid"]
    terms = made["spec"]["affinity"]["nodeAffinity"]
    required = terms["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert required[0]["matchExpressions"][0]["values"] == ["node-1"]


def places(volume_mode):
    claims = CLAIMS | {"hot": claim("hot", volume_mode=volume_mode)}
    made, _ = hotplug.reconcile(on(ROOT, plugged()), LAUNCHER, [], claims)
    container = made["spec"]["containers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return mounts, container.get("volumeDevices")


def test_the_pod_has_a_file_by_its_name_and_a_device_below_the_folder_that_is_seen_outside():
    folder = {"hotplug-disks": "/path"}
    assert places("Filesystem") == (folder | {"hot": "/hot"}, None)
    assert places("Block") == (folder, [{"name": "hot", "devicePath": "/path/hot/uid-of-hot"}])


def test_a_pod_with_the_right_names_is_kept_whatever_it_mounts():
    fitting = running_attachment(["hot"], LAUNCHER["metadata"]["uid"])
    found = on(ROOT, plugged("dst"))
    assert hotplug.reconcile(found, LAUNCHER, [fitting], CLAIMS) == (None, [])


def test_every_other_pod_the_launcher_controls_is_deleted():
    stranger = running_attachment(["another"], LAUNCHER["metadata"]["uid"])
    assert hotplug.reconcile(a_vmi(), LAUNCHER, [stranger], CLAIMS) == (None, [stranger])


def test_a_pod_that_only_names_the_launcher_as_owner_is_not_touched():
    holder = running_attachment(["another"], LAUNCHER["metadata"]["uid"])
    holder["metadata"]["ownerReferences"][0]["controller"] = False
    assert hotplug.reconcile(a_vmi(), LAUNCHER, [holder], CLAIMS) == (None, [])


def test_a_pod_stays_until_the_guest_let_go():
    attached = running_attachment(["hot"], LAUNCHER["metadata"]["uid"])
    leaving = on(ROOT, phase="Detaching")
    assert hotplug.reconcile(leaving, LAUNCHER, [attached], CLAIMS) == (None, [])
    gone = on(ROOT, phase="UnMountedFromPod")
    assert hotplug.reconcile(gone, LAUNCHER, [attached], CLAIMS) == (None, [attached])


def test_the_status_names_the_pod_and_forgets_what_is_gone():
    attached = running_attachment(["hot"], LAUNCHER["metadata"]["uid"])
    found = on(ROOT, plugged(), phase="Pending")
    hotplug.refresh_status(found, LAUNCHER, [attached])
    entry = found["status"]["volumeStatus"][0]
    assert entry["phase"] == "AttachedToNode"
    assert entry["hotplugVolume"]["attachPodUID"] == attached["metadata"]["uid"]
    gone = copied(on(ROOT, phase="UnMountedFromPod"))
    hotplug.refresh_status(gone, LAUNCHER, [])
    assert gone["status"]["volumeStatus"] == []
