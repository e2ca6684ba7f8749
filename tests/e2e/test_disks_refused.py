"""Disks that cannot be moved live are refused, each with a reason of its own, nothing changed."""

import pytest

from guest import manifest
from harness.kube import wait_for

SIZE = "64Mi"
FROM_DATA = {
    "too-small": ({"claimTemplate": {"size": "32Mi"}}, "DestinationTooSmall", "67108864"),
    "other-mode": ({"claimName": "device"}, "VolumeModeDiffers", "Block"),
    "one-pod-only": ({"claimName": "single"}, "AccessModeNotSupported", "ReadWriteOncePod"),
    "used": ({"claimName": "shared-source"}, "DestinationInUse", "VirtualMachine vm"),
    "nothing": ({"claimName": "nowhere"}, "DestinationNotFound", "nowhere"),
    "no-class": (
        {"claimTemplate": {"storageClassName": "nowhere"}},
        "StorageClassNotFound",
        "nowhere",
    ),
    "being-filled": ({"claimName": "importing"}, "DestinationBeingFilled", "importing"),
}
"""By name: the destination asked for the disk ``data``, the reason, and a word of the message."""
OTHERS = {
    "shared": ("DiskShareable", "shared"),
    "cdrom": ("DiskKindNotSupported", "cdrom"),
    "plugged": ("VolumeHotplugged", "plugged"),
    "container": ("VolumeNotOnClaim", "container"),
    "empty": ("VolumeNotOnClaim", "empty"),
    "host": ("VolumeNotOnClaim", "host"),
    "missing": ("VolumeNotFound", "missing"),
    "lone": ("AccessModeNotSupported", "ReadWriteOncePod"),
    "many": ("AccessModeWeaker", "live-migrated"),
}
"""By volume: the reason, and a word of the message."""
ONLY_WHILE_IT_RUNS = {"other-mode", "cdrom", "plugged"}
"""What a stopped VM's disk is moved in spite of."""
MODES = {"single": "ReadWriteOncePod", "lone": "ReadWriteOncePod", "many": "ReadWriteMany"}
HOST_DISK = {"path": "/var/lib/detour-e2e/disk.img", "type": "DiskOrCreate", "capacity": "1Mi"}
NOT_CLAIMS = (
    {"name": "container", "containerDisk": {"image": "localhost/detour-guest:dev"}},
    {"name": "empty", "emptyDisk": {"capacity": "1Mi"}},
    {"name": "host", "hostDisk": HOST_DISK},
)
CONTROLLER = (
    "--as=system:serviceaccount:kubevirt:kubevirt-controller",
    "--as-group=system:serviceaccounts",
    "--as-group=system:authenticated",
)


@pytest.fixture
def zoo(cluster, kube, machines, namespace):
    """A running VM with a disk of each kind that a VM can be started with."""
    machine = machines()
    on_claims = ["shared", "cdrom", "plugged", "device", "single", "importing", "lone"]
    for name in (*on_claims, *(["many"] if cluster.shared_class else [])):
        claim = manifest.claim(
            f"{name}-source" if name in OTHERS else name,
            namespace,
            cluster.shared_class if name == "many" else cluster.destination_class,
            SIZE,
            [MODES.get(name, "ReadWriteOnce")],
            volume_mode="Block" if name == "device" else "Filesystem",
        )
        if name == "importing":
            claim["metadata"]["annotations"] = {"cdi.kubevirt.io/storage.pod.phase": "Running"}
        kube.apply(claim)
    more = {
        "shared": ("shared-source", {"disk": {"bus": "virtio"}, "shareable": True}),
        "cdrom": ("cdrom-source", {"cdrom": {"bus": "sata"}}),
        "plugged": ("plugged-source", {"disk": {"bus": "scsi"}}),
        "lone": ("lone-source", {"disk": {"bus": "virtio"}}),
    }
    if cluster.shared_class:
        more["many"] = ("many-source", {"disk": {"bus": "virtio"}})
    kube.apply(manifest.claim(machine.source, namespace, cluster.source_class, SIZE))
    vm = manifest.virtual_machine(machine.name, namespace, machine.source, more=more)
    volumes = vm["spec"]["template"]["spec"]["volumes"]
    next(v for v in volumes if v["name"] == "plugged")["persistentVolumeClaim"] |= {
        "hotpluggable": True
    }
    volumes += NOT_CLAIMS
    kube.apply(vm)
    machine.log.start()
    machine.wait_until_running()
    machine.wait_for_writes()
    return machine


def assert_refused(migration, reason, word):
    accepted = migration.wait_for_condition("Accepted", "False", seconds=90)
    assert accepted["reason"] == reason, f"{migration.name}: {accepted}"
    assert word in accepted["message"], accepted["message"]
    assert migration.phase() == "Refused"
    compute = migration.switch().get("status", {}).get("compute") or {}
    assert not compute.get("order")
    assert not compute.get("locked")


@pytest.mark.e2e
def test_each_kind_of_disk_that_cannot_be_moved_has_its_reason(
    cluster, kube, zoo, migrate, namespace
):
    """While the VM runs; and once more, but for what is no matter then, while it is stopped."""
    template = {"storageClassName": cluster.source_class}
    weaker = {"many": {"accessModes": ["ReadWriteOnce"]}}
    volumes = OTHERS.keys() - (set() if cluster.shared_class else {"many"})

    def claims():
        return {claim["metadata"]["name"] for claim in kube.list("pvc", namespace)}

    def assert_each_refused(prefix, left_out):
        before, spec = claims(), zoo.object()["spec"]
        asked = [
            (migrate(f"{prefix}{name}", zoo.name, to), reason, word)
            for name, (to, reason, word) in FROM_DATA.items()
            if name not in left_out
        ]
        for volume in volumes - left_out:
            to = {"claimTemplate": template | weaker.get(volume, {})}
            migration = migrate(f"{prefix}of-{volume}", zoo.name, to, volume=volume)
            asked.append((migration, *OTHERS[volume]))
        for migration, reason, word in asked:
            assert_refused(migration, reason, word)
        kube.run("delete", "volumemigrations", "--all", "-n", namespace)
        # The disk itself is looked at once its destination is there, its user's to delete.
        assert claims() - before <= {f"{prefix}of-{volume}" for volume in OTHERS}
        assert zoo.object()["spec"] == spec

    xml = cluster.domain_xml(zoo)
    assert_each_refused("", set())
    assert cluster.domain_xml(zoo) == xml
    zoo.wait_for_writes(20)
    zoo.stop()
    assert_each_refused("stopped-", ONLY_WHILE_IT_RUNS)


@pytest.mark.e2e
def test_what_is_under_way_elsewhere_is_waited_for(cluster, kube, machines, migrate, namespace):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes(20)
    template = {"claimTemplate": {"storageClassName": cluster.destination_class}}

    def snapshot(name):
        kube.patch(
            *("virtualmachines", machine.name, namespace),
            {"status": {"snapshotInProgress": name}},
            "--subresource=status",
        )

    def tracking(state):
        kube.patch(
            *("virtualmachineinstances", machine.name, namespace),
            {"status": {"changedBlockTracking": state}},
            *CONTROLLER,
        )

    snapshot("nightly")
    migration = migrate("m", machine.name, template)
    assert_refused(migration, "SnapshotInProgress", "nightly")
    tracking({"state": "Enabled"})
    snapshot(None)

    def reason():
        return migration.condition("Accepted").get("reason")

    wait_for("the next reason", lambda: reason() == "ChangedBlockTracking", seen=migration.story)
    assert_refused(migration, "ChangedBlockTracking", "changed block tracking")
    tracking(None)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes(20)
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
