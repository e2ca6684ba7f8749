"""What KubeVirt does by itself with the volumes of a running VM: plugging, and its own moves."""

import pytest

from cluster.provider import UnsupportedError
from harness.facts import CONTROLLER, claim_info
from harness.kube import wait_for
from harness.plugging import TEMPLATE, DeviceRules, plug, plugged, ready, unplug

pytestmark = pytest.mark.e2e

SIZE = "64Mi"
CLAIM = f"{TEMPLATE}/volumes/0/persistentVolumeClaim/claimName"
DEVICE_SIZE = str(16 << 20)
NODE = "/var/run/kubevirt/hotplug-disks/hot"
VOLUME_MIGRATION = "kubevirt.io/volume-update-migration"


@pytest.fixture
def images(facts, cluster):
    """Two claims with an empty image each, on the guest's node."""
    for name in ("one", "two"):
        facts.other_claim(cluster.source_class, SIZE, name)
        facts.blank_image(name, SIZE)


@pytest.mark.usefixtures("images")
def test_a_volume_is_plugged_by_a_pod_of_the_launcher(facts):
    """KubeVirt facts 2, 4 and 5."""
    pod = plug(facts, "one")
    launcher = facts.machine.launcher()["metadata"]
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (launcher["uid"], True)
    assert pod["metadata"]["name"].startswith("hp-volume-")
    assert pod["metadata"]["labels"]["kubevirt.io"] == "hotplug-disk"
    assert pod["spec"]["nodeName"] == facts.machine.instance()["status"]["nodeName"]
    disks = facts.virsh("dumpxml", facts.domain)
    for part in ("/hotplug-disks/hot.img", 'name="ua-hot"'):
        assert part in disks.replace("'", '"')
    assert "RestartRequired" not in facts.conditions()
    unplug(facts)
    assert "/hotplug-disks/" not in facts.virsh("dumpxml", facts.domain)
    name = pod["metadata"]["name"]
    gone = lambda: facts.kube.get("pods", name, facts.machine.namespace) is None  # noqa: E731
    wait_for("its pod to be gone", gone)
    facts.machine.wait_for_writes(20)


def test_a_device_is_plugged_as_a_node_that_the_launchers_rules_allow(cluster, blocks, facts):
    """Nothing is mounted; node and rule come and go with the disk (KubeVirt facts 4)."""
    rules = DeviceRules(cluster, facts.machine)
    try:
        listed = rules.are_listed()
    except UnsupportedError as error:
        pytest.skip(f"needs to act on a node itself: {error}")
    if not listed:
        pytest.skip("needs control groups of version 1")
    node, (of, _) = blocks.place(facts.machine.instance()["status"]["nodeName"]), blocks.classes
    blocks.make(node, of, int(DEVICE_SIZE))
    facts.other_claim(of, DEVICE_SIZE, "device", "Block")
    pod = plug(facts, "device")
    (container,) = pod["spec"]["containers"]
    (place,) = container["volumeDevices"]
    claim = facts.kube.get("pvc", "device", facts.machine.namespace)
    assert place["devicePath"] == f"/path/hot/{claim['metadata']['uid']}"
    owner = facts.machine.in_launcher("stat", "-c", "%F %u:%g", NODE).strip()
    assert owner == "block special file 107:107"
    number = rules.number(NODE)
    assert number in rules.blocks()
    disks = facts.virsh("dumpxml", facts.domain).replace("'", '"')
    assert f'<source dev="{NODE}"' in disks
    facts.machine.wait_for_writes(20)
    unplug(facts)
    assert number not in rules.blocks()
    assert not facts.machine.in_launcher("ls", "/var/run/kubevirt/hotplug-disks").strip()
    assert NODE not in facts.virsh("dumpxml", facts.domain)
    facts.machine.wait_for_writes(20)


@pytest.mark.usefixtures("images")
def test_a_plugged_volume_that_was_handed_to_another_claim_is_plugged_anew(facts):
    """Why Detour refuses plugged volumes: KubeVirt takes the disk from the guest (facts 11)."""
    pod = plug(facts, "one")
    volumes = facts.machine.instance()["spec"]["volumes"]
    index = next(number for number, entry in enumerate(volumes) if entry["name"] == "hot")
    claims = {"data": facts.machine.source, "hot": "two"}
    listing = [
        {
            "volumeName": volume,
            "sourcePVCInfo": claim_info(claim),
            "destinationPVCInfo": claim_info(claim),
        }
        for volume, claim in claims.items()
    ]
    handed = [
        {"op": "replace", "path": f"/spec/volumes/{index}", "value": plugged("two")},
        {"op": "add", "path": "/status/migratedVolumes", "value": listing},
    ]
    facts.patch("vmi", handed, *CONTROLLER)
    facts.patch("vmi", [{"op": "remove", "path": "/status/migratedVolumes"}], *CONTROLLER)
    again = ready(facts, other_than=pod["metadata"]["uid"])
    assert again["metadata"]["uid"] != pod["metadata"]["uid"]
    assert plugged("one") in facts.machine.instance()["spec"]["volumes"]
    assert "one" in str(again["spec"]["volumes"])


def migrate_volume(facts, claim):
    strategy = {"op": "add", "path": "/spec/updateVolumesStrategy", "value": "Migration"}
    facts.patch("vm", [{"op": "replace", "path": CLAIM, "value": claim}, strategy])

    def begun():
        listed = facts.machine.instance()["status"].get("migratedVolumes") or []
        return listed if "VolumesChange" in facts.instance_conditions() else None

    (moved,) = wait_for("KubeVirt's own volume migration", begun, every=0.2)
    assert moved["sourcePVCInfo"]["claimName"] == facts.machine.source
    assert moved["destinationPVCInfo"]["claimName"] == claim

    def asked_for():
        return facts.kube.list(
            "virtualmachineinstancemigrations", facts.machine.namespace, VOLUME_MIGRATION
        )

    (migration,) = wait_for("a live migration", asked_for)
    return migration["metadata"]["name"]


def test_kubevirt_moves_a_volume_by_a_live_migration(facts, cluster):
    """What an edited claim starts with the strategy Migration (KubeVirt facts 6.2 and 8)."""
    if len(cluster.nodes) < 2:
        pytest.skip("needs a second node")
    before = facts.machine.instance()
    facts.other_claim(cluster.destination_class, SIZE)
    name = migrate_volume(facts, "other")
    wait_for(
        "its end", lambda: facts.phase_of_migration(name) in ("Succeeded", "Failed"), seconds=300
    )
    assert facts.phase_of_migration(name) == "Succeeded"
    wait_for("VolumesChange to go", lambda: "VolumesChange" not in facts.instance_conditions())
    after = facts.machine.instance()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["nodeName"] != before["status"]["nodeName"], "unlike a move of Detour"
    assert not after["status"].get("migratedVolumes")
    assert facts.machine.instance_claim() == "other"
    assert "RestartRequired" not in facts.conditions()
    facts.machine.wait_for_writes()
    facts.machine.stop()
    verdict = facts.machine.verify("other")
    assert verdict.passed, verdict.text


def test_kubevirts_own_move_ends_when_the_old_claim_is_put_back(facts):
    """All or nothing, and the guest never left its node (KubeVirt facts 8)."""
    node = facts.machine.instance()["status"]["nodeName"]
    facts.other_claim("no-such-class", SIZE)  # stays Pending: the target cannot start
    migrate_volume(facts, "other")
    facts.patch("vm", [{"op": "replace", "path": CLAIM, "value": facts.machine.source}])

    def ended():
        moving = facts.machine.instance()["status"].get("migratedVolumes")
        return not moving and "VolumesChange" not in facts.instance_conditions()

    wait_for("the end of the volume migration", ended)
    assert facts.machine.instance_claim() == facts.machine.source
    assert facts.machine.instance()["status"]["nodeName"] == node
    facts.machine.wait_for_writes(20)
