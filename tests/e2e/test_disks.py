"""Every kind of disk that a running guest writes to moves, and stays driven as it was."""

import re

import pytest

from guest import manifest
from harness import halting
from harness.facts import Facts

MIB = 1 << 20
ODD = 125 * MIB + 3 * 512
"""No whole MiB, no whole 4 KiB, and more than KubeVirt would grow the image to."""
DISKS = {
    "data": (128 * MIB, {"disk": {"bus": "virtio"}, "io": "native", "dedicatedIOThread": True}),
    "scsi": (ODD, {"disk": {"bus": "scsi"}, "cache": "writethrough", "errorPolicy": "report"}),
    "sata": (96 * MIB, {"disk": {"bus": "sata"}, "cache": "writeback", "io": "threads"}),
    "large": (
        64 * MIB,
        {"disk": {"bus": "virtio"}, "blockSize": {"custom": {"logical": 4096, "physical": 4096}}},
    ),
    "match": (
        32 * MIB,
        {"disk": {"bus": "scsi"}, "blockSize": {"matchVolume": {"enabled": True}}},
    ),
}
"""Bytes of each disk, which tell it from the others, and what KubeVirt is told of it."""
WRITERS = ("vda", "vdb", "sda", "sdb", "sdc")


def put_image(kube, namespace, claim, size):
    """An image of a size of its own on a claim, as an import leaves one."""
    pod = manifest.verifier("importer", namespace, claim)
    container = pod["spec"]["containers"][0]
    container["volumeMounts"][0]["readOnly"] = False
    container["command"] = ["truncate", f"--size={size}", manifest.VERIFIER_IMAGE_FILE]
    kube.apply(pod)
    kube.run(
        *("wait", "pod/importer", "-n", namespace, "--timeout=120s"),
        "--for=jsonpath={.status.phase}=Succeeded",
    )
    kube.delete("pods", "importer", namespace)


@pytest.mark.e2e
def test_disks_of_every_bus_cache_and_sector_move_one_by_one(
    cluster, kube, machines, migrate, namespace
):
    """Two are asked for at the same time: one waits for the other.

    One goes to a larger claim, for which KubeVirt grows it once it is there, and not before.
    """
    machine = machines()
    more = {}
    for volume, (size, disk) in DISKS.items():
        if volume != "data":
            claim = manifest.claim(
                f"{volume}-source", namespace, cluster.source_class, f"{-(-size // MIB)}Mi"
            )
            kube.apply(claim)
            more[volume] = (f"{volume}-source", disk)
    put_image(kube, namespace, "scsi-source", ODD)
    machine.create(
        cluster.source_class, "128Mi", disk=DISKS["data"][1], more=more, writers=WRITERS,
        fill_percent=10, pause_us=4000,
    )  # fmt: skip
    machine.wait_until_running()
    machine.wait_for_writes()
    xml_before = cluster.domain_xml(machine)
    for word in ("iothread=", "writethrough", 'io="threads"', 'logical_block_size="4096"'):
        assert re.search(word, xml_before), xml_before

    def move(volume):
        template = {"storageClassName": cluster.destination_class, "name": f"{volume}-there"}
        template |= {"size": "300Mi"} if volume == "data" else {}
        to = {"claimTemplate": template}
        return migrate(volume, machine.name, to, volume=volume, hold=volume == "data")

    facts = Facts(kube, machine)
    size = facts.capacity()
    for volumes in (("data", "scsi"), ("sata",), ("large",), ("match",)):
        under_way = [move(volume) for volume in volumes]
        for migration in under_way:
            if migration.name == "data":
                migration.wait_for_condition("Copied")
                with halting.mirrored(kube, migration):
                    machine.wait_for_writes()
                    assert facts.capacity() == size
            assert migration.wait_for_end()["status"] == "True", migration.story()
        for volume in volumes:
            assert machine.claim(volume) == machine.instance_claim(volume) == f"{volume}-there"

    assert cluster.domain_xml(machine) == xml_before
    machine.wait_for_writes()
    machine.stop()
    for volume, (size, _) in DISKS.items():
        verdict = machine.verify(f"{volume}-there", size=size)
        assert verdict.passed, f"{volume}: {verdict.text}"
        assert verdict.report["acknowledged_operations"] > 0
    old = machine.verify(machine.source, size=128 * MIB)
    assert not old.passed, "the frozen source must look like loss"


@pytest.mark.e2e
def test_the_disk_of_a_data_volume_template_moves_and_takes_the_template_along(
    cluster, kube, machines, migrate, namespace
):
    """Without CDI here: the claim that it would have made is there, of the DataVolume's name."""
    machine = machines()
    kube.apply(manifest.claim(machine.source, namespace, cluster.source_class, "128Mi"))
    vm = manifest.virtual_machine(machine.name, namespace, machine.source)
    vm["spec"]["instancetype"] = {"kind": "VirtualMachineClusterInstancetype", "name": "small"}
    vm["spec"]["preference"] = {"kind": "VirtualMachineClusterPreference", "name": "linux"}
    template = {"metadata": {"name": machine.source}, "spec": {"source": {"blank": {}}}}
    vm["spec"]["dataVolumeTemplates"] = [template]
    volume = {"name": "data", "dataVolume": {"name": machine.source}}
    vm["spec"]["template"]["spec"]["volumes"] = [volume]
    kube.apply(vm)
    machine.log.start()
    machine.wait_until_running()
    machine.wait_for_writes()

    there = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("there", machine.name, there)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    spec = machine.object()["spec"]
    assert spec["template"]["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "there"}}
    ]
    assert not spec.get("dataVolumeTemplates")
    for kept in ("instancetype", "preference"):
        assert spec[kept]["name"] == vm["spec"][kept]["name"]
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("there")
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == "there"
