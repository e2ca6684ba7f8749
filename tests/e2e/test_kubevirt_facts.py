"""What Detour relies on in KubeVirt; true of KubeVirt itself and of its stand-in alike."""

import json

import pytest

from guest import manifest
from harness.facts import CONTROLLER, Facts, claim_info
from harness.kube import KubectlError, wait_for

pytestmark = pytest.mark.e2e

SIZE = "64Mi"
CLAIM = "/spec/volumes/0/persistentVolumeClaim/claimName"
TEMPLATE_CLAIM = f"/spec/template{CLAIM}"


def test_only_kubevirt_changes_a_running_instance(standing, cluster):
    standing.other_claim(cluster.source_class, SIZE)
    change = [{"op": "replace", "path": CLAIM, "value": "other"}]
    with pytest.raises(KubectlError, match="update of VMI object is restricted"):
        standing.patch("vmi", change)
    with pytest.raises(KubectlError, match="permanent volume data, changed"):
        standing.patch("vmi", change, *CONTROLLER)
    node = standing.machine.instance()["status"]["nodeName"]
    standing.patch("vmi", [{"op": "replace", "path": "/status/nodeName", "value": "elsewhere"}])
    assert standing.machine.instance()["status"]["nodeName"] == node


def test_a_handover_in_the_right_order_changes_nothing_else(facts, cluster):
    facts.other_claim(cluster.source_class, SIZE)
    info = claim_info("other")
    listing = [{"volumeName": "data", "sourcePVCInfo": info, "destinationPVCInfo": info}]
    guarded = [
        {"op": "replace", "path": CLAIM, "value": "other"},
        {"op": "add", "path": "/status/migratedVolumes", "value": listing},
    ]
    facts.patch("vmi", guarded, *CONTROLLER)
    facts.patch("vmi", [{"op": "remove", "path": "/status/migratedVolumes"}], *CONTROLLER)

    def told():
        status = facts.machine.instance()["status"]["volumeStatus"]
        return status[0]["persistentVolumeClaimInfo"]["claimName"]

    wait_for("the status to follow", lambda: told() == "other", seen=told)
    uid = facts.machine.instance()["metadata"]["uid"]
    strategy = {"op": "add", "path": "/spec/updateVolumesStrategy", "value": "Migration"}
    facts.patch("vm", [{"op": "replace", "path": TEMPLATE_CLAIM, "value": "other"}, strategy])
    facts.machine.wait_for_writes(300)
    assert not facts.conditions() & {"RestartRequired", "VolumesChange"}
    assert facts.kube.list("virtualmachineinstancemigrations", facts.machine.namespace) == []
    assert facts.machine.instance()["metadata"]["uid"] == uid


def test_another_claim_alone_needs_a_restart(standing):
    def required():
        return "RestartRequired" in standing.conditions()

    standing.patch("vm", [{"op": "replace", "path": TEMPLATE_CLAIM, "value": "other"}])
    wait_for("RestartRequired", required)
    back = {"op": "replace", "path": TEMPLATE_CLAIM, "value": standing.machine.source}
    standing.patch("vm", [back])
    wait_for("RestartRequired to go", lambda: not required())


def test_a_guest_that_others_suspended_is_resumed(standing):
    standing.virsh("suspend", standing.domain)
    wait_for("the guest to run", lambda: "running" in standing.virsh("domstate", standing.domain))
    standing.machine.wait_for_writes(20)


def test_a_daemon_that_died_comes_back_and_the_guest_never_left(standing):
    uid = standing.machine.instance()["metadata"]["uid"]
    standing.machine.in_launcher("sh", "-c", "kill -9 $(pgrep -f '/(libvirtd|virtqemud) ')")

    def answers():
        try:
            return "running" in standing.virsh("domstate", standing.domain)
        except KubectlError:
            return False

    wait_for("the daemon", answers)
    standing.machine.wait_for_writes(20)
    assert standing.machine.instance()["metadata"]["uid"] == uid


def test_a_guest_that_was_killed_is_replaced_by_a_new_instance(standing):
    uid = standing.machine.instance()["metadata"]["uid"]
    standing.machine.in_launcher("sh", "-c", "kill -9 $(pgrep -f '^/[a-z/]*/qemu')")
    wait_for(
        "a new instance",
        lambda: standing.machine.instance().get("metadata", {}).get("uid") not in (None, uid),
    )
    standing.machine.wait_until_running()


def test_the_disk_is_as_detour_expects_it(standing, cluster):
    disk = cluster.domain_xml(standing.machine)
    for part in ('name="ua-data"', 'cache="none"', 'error_policy="stop"', "/vmi-disks/data/"):
        assert part in disk


def test_a_pod_that_keeps_a_disk_attached_is_not_evicted(standing, cluster):
    launcher = standing.machine.launcher()["metadata"]
    holder = manifest.verifier("hp-volume-test", launcher["namespace"], standing.machine.source)
    holder["metadata"]["labels"] = {"kubevirt.io": "hotplug-disk"}
    owner = {"apiVersion": "v1", "kind": "Pod", "name": launcher["name"], "uid": launcher["uid"]}
    holder["metadata"]["ownerReferences"] = [owner]
    standing.kube.apply(holder)
    path = f"/api/v1/namespaces/{launcher['namespace']}/pods/hp-volume-test/eviction"
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "hp-volume-test", "namespace": launcher["namespace"]},
    }
    with pytest.raises(KubectlError, match="hotplug pod"):
        standing.kube.run("create", "--raw", path, "-f", "-", given=json.dumps(eviction))


def test_a_guest_on_an_overlay_is_not_live_migrated(kube, cluster, machines):
    if cluster.shared_class is None:
        pytest.skip("this cluster has no storage class that two nodes can use at once")
    machine = machines()
    machine.create(cluster.shared_class, SIZE, access_modes=("ReadWriteMany",))
    machine.wait_until_running()
    machine.wait_for_writes(20)
    facts = Facts(kube, machine)
    node = machine.instance()["status"]["nodeName"]
    assert facts.live_migrate("first") == "Succeeded"
    assert machine.instance()["status"]["nodeName"] != node
    machine.wait_for_writes(20)
    overlay = "/var/run/kubevirt-private/overlay.qcow2"
    source = "/var/run/kubevirt-private/vmi-disks/data/disk.img"
    made = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", source, overlay]
    facts.machine.in_launcher("qemu-img", *made)
    snapshot = ["--disk-only", "--no-metadata", "--reuse-external", "--atomic"]
    spec = f"vda,file={overlay}"
    facts.virsh("snapshot-create-as", facts.domain, *snapshot, "--diskspec", spec)
    assert facts.live_migrate("second") == "Failed"
    machine.wait_for_writes(20)
