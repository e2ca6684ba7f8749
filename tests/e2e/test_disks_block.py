"""Volumes of mode Block: the device is the disk, and it moves as an image file does.

A stopped VM's image file also becomes a device, and a device an image file.
"""

import pytest

from harness import claims, halting, leftovers
from harness.facts import Facts
from harness.kube import wait_for
from harness.plugging import DeviceRules, plug

MIB = 1 << 20
SIZE = 128 * MIB + 3 * 512
"""No whole MiB, no whole 4 KiB."""
BEHIND = 5 * MIB + 512
SMALL = 48 * MIB + 512
PLUGGED = 8 * MIB
"""Less than any other: a claim takes the smallest volume that is large enough."""
STRANGER = "1:0"
"""The number of a device that no launcher has."""


def machine_on(blocks, machines, node, storage_class, size=SIZE, **options):
    """A VM that writes to a device of that size, or of what the driver makes of it."""
    size = blocks.whole(size)
    blocks.make(node, storage_class, size)
    machine = machines()
    machine.create(storage_class, str(size), volume_mode="Block", node=node, **options)
    machine.wait_until_running()
    machine.wait_for_writes()
    return machine


def assert_intact(machine, claim):
    verdict = machine.verify(claim, block=True)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_device_moves_onto_an_equal_one_and_on_to_a_larger_one(
    cluster, blocks, kube, machines, migrate, namespace
):
    node, (first, second) = blocks.place(cluster.nodes[0]), blocks.classes
    machine = machine_on(blocks, machines, node, first)
    size = claims.capacity(kube, namespace, machine.source)
    xml_before = cluster.domain_xml(machine)
    blocks.make_used(node, second, size)

    equal = migrate("equal", machine.name, {"claimTemplate": {"storageClassName": second}})
    assert equal.wait_for_end()["status"] == "True", equal.story()
    assert machine.claim() == machine.instance_claim() == "equal"
    assert cluster.domain_xml(machine) == xml_before
    assert kube.get("pvc", "equal", namespace)["spec"]["volumeMode"] == "Block"
    leftovers.assert_none(cluster, equal)
    machine.wait_for_writes()

    more = blocks.whole(size + BEHIND)
    larger_volume = blocks.make_used(node, first, more)
    template = {"storageClassName": first, "size": str(more)}
    larger = migrate("larger", machine.name, {"claimTemplate": template}, hold=True)
    larger.wait_for_condition("Copied")
    facts = Facts(kube, machine)
    before = facts.capacity()
    with halting.mirrored(kube, larger):
        machine.wait_for_writes()
        assert facts.capacity() == before, "KubeVirt grows it, once it is there"
    assert larger.wait_for_end()["status"] == "True", larger.story()
    machine.wait_for_writes()
    machine.stop()
    assert_intact(machine, "larger")
    assert not machine.verify("equal", block=True).passed, "the frozen source must look like loss"
    behind = claims.capacity(kube, namespace, "larger") - size
    assert behind >= BEHIND
    tail = f"tail -c {behind} \"$1\" | tr -d '\\0' | wc -c"
    others = blocks.read(larger_volume, "larger", machine, tail)
    assert others.strip() == "0", "old data behind the disk"
    machine.start()
    assert machine.instance_claim() == "larger"


@pytest.mark.e2e
def test_a_cancel_brings_a_device_back(cluster, blocks, kube, machines, migrate, namespace):
    node, (first, second) = blocks.place(cluster.nodes[-1]), blocks.classes
    machine = machine_on(blocks, machines, node, first, launcher="sid")
    xml_before = cluster.domain_xml(machine)
    blocks.make(node, second, claims.capacity(kube, namespace, machine.source))
    template = {"claimTemplate": {"storageClassName": second}}
    migration = migrate("m", machine.name, template, hold=True)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    kube.patch("volumemigrations", "m", namespace, {"spec": {"cancel": True}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    assert cluster.domain_xml(machine) == xml_before
    machine.wait_for_writes()
    machine.stop()
    assert_intact(machine, machine.source)


@pytest.mark.e2e
def test_a_device_moves_while_kubevirt_writes_the_device_rules_anew(
    cluster, devices, kube, machines, migrate, namespace
):
    """A plugged device beside it has KubeVirt do so at each sync (KubeVirt facts 4 and D11)."""
    if not cluster.launchers:
        pytest.skip("with control groups of version 1 KubeVirt itself keeps the rules it finds")
    node, (first, second) = cluster.nodes[-1], devices.classes
    machine = machine_on(devices, machines, node, first, SMALL)
    facts, rules = Facts(kube, machine), DeviceRules(cluster, machine)
    source = rules.number("/dev/data")
    devices.make(node, first, PLUGGED)
    facts.other_claim(first, str(PLUGGED), "plugged", "Block")
    plug(facts, "plugged")
    hot = rules.number("/var/run/kubevirt/hotplug-disks/hot")
    assert rules.blocks() == {source, hot}
    xml_before = cluster.domain_xml(machine)

    devices.make(node, second, SMALL)
    template = {"claimTemplate": {"storageClassName": second}}
    migration = migrate("m", machine.name, template, hold=True)
    migration.wait_for_condition("Copied")
    rules.allow(STRANGER)
    # KubeVirt syncs an instance that has changed.
    kube.run("annotate", "vmi", machine.name, "-n", namespace, "changed=yes")
    written = lambda: STRANGER not in rules.blocks()  # noqa: E731
    wait_for("the rules to be written anew", written, seen=rules.blocks)
    machine.wait_for_writes()
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert cluster.domain_xml(machine) == xml_before
    machine.wait_for_writes()
    # Detour takes no rule away: that the source's is gone is KubeVirt's doing.
    destination = rules.number("/dev/data")
    assert destination != source
    left = lambda: rules.blocks() == {destination, hot}  # noqa: E731
    wait_for("the source's rule to be gone", left, seen=rules.blocks)
    machine.stop()
    assert_intact(machine, "m")


@pytest.mark.e2e
def test_a_smaller_device_is_refused_with_both_sizes(
    cluster, blocks, kube, machines, migrate, namespace
):
    node, (first, second) = blocks.place(cluster.nodes[0]), blocks.classes
    machine = machine_on(blocks, machines, node, first)
    size = claims.capacity(kube, namespace, machine.source)
    template = {"storageClassName": second, "size": str(size - 512)}
    migration = migrate("m", machine.name, {"claimTemplate": template})
    refused = migration.wait_for_condition("Accepted", "False")
    assert refused["reason"] == "DestinationTooSmall"
    assert str(size) in refused["message"]
    assert str(size - 512) in refused["message"]
    assert kube.get("pvc", "m", namespace) is None
    machine.wait_for_writes()


WHOLE = 128 * MIB
"""Of a claim with a file system, whose image KubeVirt makes of whole MiB."""
ROOMY = 160 * MIB
"""Of one that is to hold as much; a small file system takes more to itself than a large one."""


def devices_of(machine):
    """The names of the volumes that the launcher has as devices."""
    containers = machine.launcher()["spec"]["containers"]
    return {one["name"] for each in containers for one in each.get("volumeDevices") or []}


def start_and_write(machine, claim, *, block):
    """Have the guest write to its disk on that claim, which holds everything before and after."""
    verdict = machine.verify(claim, block=block)
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == claim
    assert ("data" in devices_of(machine)) is block
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(claim, block=block)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_stopped_machine_s_file_becomes_a_device_and_a_file_again(
    cluster, blocks, kube, machines, migrate, namespace
):
    node, (first, _) = blocks.place(cluster.nodes[0]), blocks.classes
    machine = machines()
    machine.create(cluster.source_class, str(WHOLE), node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    blocks.make_used(node, first, WHOLE)
    template = {"storageClassName": first, "volumeMode": "Block"}
    verified = {"verify": "Checksum"}
    device = migrate("device", machine.name, {"claimTemplate": template}, copy=verified)
    refused = device.wait_for_condition("Accepted", "False")
    assert refused["reason"] == "VolumeModeDiffers", refused
    assert "stop the virtual machine" in refused["message"]
    assert kube.get("pvc", "device", namespace) is None
    machine.wait_for_writes()

    machine.stop()
    assert device.wait_for_end()["status"] == "True", device.story()
    assert machine.claim() == "device"
    assert kube.get("pvc", "device", namespace)["spec"]["volumeMode"] == "Block"
    start_and_write(machine, "device", block=True)
    assert not machine.verify(machine.source).passed, "the frozen source must look like loss"

    template = {"storageClassName": cluster.destination_class, "volumeMode": "Filesystem"}
    template["size"] = str(ROOMY)
    file = migrate("file", machine.name, {"claimTemplate": template})
    assert file.wait_for_end()["status"] == "True", file.story()
    assert machine.claim() == "file"
    assert file.object()["status"]["copyMethod"]["name"] == "HostAssisted"
    start_and_write(machine, "file", block=False)
