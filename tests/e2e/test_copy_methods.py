"""The storage makes the copy, or somebody else does; nothing is lost, and nothing is left.

Tests that want the driver to fail make a class with parameters of the one in tests/storage/csi
(``driver/parameters.go``).
"""

import contextlib

import pytest

from guest import manifest
from harness import claims, external, leftovers
from harness.kube import KubectlError, wait_for

pytestmark = pytest.mark.e2e

OURS = "csi.detour.dev"
SIZE = "256Mi"
MORE = 144 << 20


@pytest.fixture
def there(csi):
    """Of the class that disks are moved to."""
    return {"claimTemplate": {"storageClassName": csi[1]}}


@pytest.fixture
def other_driver(cluster, kube, csi):
    """A class of another driver."""
    of = [
        kube.get("storageclass", name, "default")["provisioner"]
        for name in (csi[1], cluster.destination_class)
    ]
    if of[0] == of[1]:
        pytest.skip(
            f"needs a DESTINATION_CLASS of another driver than {of[0]}, as CSI_CLASSES are"
        )
    return cluster.destination_class


@contextlib.contextmanager
def made(kube, kind, body):
    """An object without a namespace, for as long as the block runs."""
    kube.apply(body)
    try:
        yield
    finally:
        kube.run("delete", kind, body["metadata"]["name"], "--ignore-not-found")


def storage_class(name, **parameters):
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": OURS,
        "volumeBindingMode": "WaitForFirstConsumer",
        "parameters": parameters,
    }


def snapshot_class(name, **parameters):
    default = {"snapshot.storage.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": name, "annotations": default},
        "driver": OURS,
        "deletionPolicy": "Delete",
        "parameters": parameters,
    }


@pytest.fixture
def machine(machines, csi):
    found = machines()
    found.create(csi[0], SIZE)
    found.wait_until_running()
    found.wait_for_writes()
    return found


def method(migration):
    return migration.object()["status"]["copyMethod"]


def source_of(kube, claim, namespace):
    found = kube.get("pvc", claim, namespace)["spec"].get("dataSource") or {}
    return found.get("kind")


def snapshots(kube, namespace):
    return [item["metadata"]["name"] for item in kube.list("volumesnapshots", namespace)]


def assert_moved(cluster, kube, machine, migration, claim):
    """To that claim, with all that the guest wrote before, during and after the move."""
    ended = migration.wait_for_end()
    assert ended["status"] == "True", migration.story()
    assert machine.claim() == machine.instance_claim() == claim
    leftovers.assert_none(cluster, migration)
    wait_for(
        "the snapshot to be gone", lambda: not snapshots(kube, machine.namespace), seconds=120
    )
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


def test_a_snapshot_of_the_frozen_source_becomes_the_destination(
    cluster, kube, machine, migrate, there, namespace
):
    migration = migrate("moved", machine.name, there, hold=True)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    assert method(migration)["name"] == "VolumeSnapshot", method(migration)
    assert source_of(kube, "moved", namespace) == "VolumeSnapshot"
    kube.patch("volumemigrations", "moved", namespace, {"spec": {"hold": False}})
    assert_moved(cluster, kube, machine, migration, "moved")
    assert not machine.verify(machine.source).passed, "the frozen source must look like loss"
    machine.start()
    assert machine.instance_claim() == "moved"


def test_what_the_page_cache_has_is_in_the_snapshot(cluster, csi, kube, machines, migrate, there):
    """The storage does not see it: the image is flushed before it is called frozen."""
    machine = machines()
    machine.create(csi[0], SIZE, disk={"disk": {"bus": "virtio"}, "cache": "writeback"})
    machine.wait_until_running()
    machine.wait_for_writes()
    migration = migrate("moved", machine.name, there, copy={"method": "VolumeSnapshot"})
    assert_moved(cluster, kube, machine, migration, "moved")


def test_a_clone_of_the_frozen_source_becomes_the_destination(
    cluster, kube, machine, migrate, there, namespace
):
    migration = migrate("moved", machine.name, there, copy={"method": "CSIClone"})
    assert_moved(cluster, kube, machine, migration, "moved")
    assert source_of(kube, "moved", namespace) == "PersistentVolumeClaim"
    assert method(migration)["name"] == "CSIClone"


def test_a_larger_claim_keeps_the_image_and_the_guest_goes_on(
    csi, kube, machine, migrate, namespace
):
    size = claims.capacity(kube, namespace, machine.source) + MORE
    template = {"claimTemplate": {"storageClassName": csi[1], "size": str(size)}}
    migration = migrate("moved", machine.name, template, copy={"method": "VolumeSnapshot"})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("moved")
    assert verdict.passed, verdict.text


def test_a_device_is_copied_by_the_storage_too(csi_block, machines, migrate, there):
    machine = machines()
    machine.create(csi_block[0], SIZE, volume_mode="Block")
    machine.wait_until_running()
    machine.wait_for_writes()
    migration = migrate("moved", machine.name, there, copy={"method": "VolumeSnapshot"})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("moved", block=True)
    assert verdict.passed, verdict.text


def test_a_stopped_machines_disk_is_copied_by_the_storage(machine, migrate, there):
    machine.stop()
    migration = migrate("moved", machine.name, there, copy={"method": "VolumeSnapshot"})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    verdict = machine.verify("moved")
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == "moved"


def test_a_cancel_leaves_neither_snapshot_nor_claim(kube, machine, migrate, there, namespace):
    migration = migrate("moved", machine.name, there, hold=True)
    migration.wait_for_condition("Copied")
    assert kube.get("pvc", "moved", namespace)
    machine.wait_for_writes()
    kube.patch("volumemigrations", "moved", namespace, {"spec": {"cancel": True}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    assert kube.get("pvc", "moved", namespace) is None
    assert snapshots(kube, namespace) == []
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text


def test_deleting_the_migration_leaves_neither_snapshot_nor_claim(
    kube, machine, migrate, there, namespace
):
    """Two of them: one while it is copied, one while it waits."""
    for name, when in (("early", "SourceFrozen"), ("late", "Copied")):
        migration = migrate(name, machine.name, there, hold=True)
        migration.wait_for_condition(when)
        kube.delete("volumemigrations", name, namespace)
        assert kube.get("pvc", name, namespace) is None
        assert snapshots(kube, namespace) == []
        machine.wait_for_writes()
        assert machine.claim() == machine.source


@pytest.mark.usefixtures("own_driver")
def test_a_driver_that_refuses_fails_the_method_that_was_asked_for(
    kube, machine, migrate, namespace
):
    name = f"{namespace}-refuses"
    with made(kube, "storageclass", storage_class(name, cloneInUse="refuse")):
        template = {"claimTemplate": {"storageClassName": name}}
        migration = migrate("moved", machine.name, template, copy={"method": "CSIClone"})
        ended = migration.wait_for_end()
        assert (ended["status"], ended["reason"]) == ("False", "CopyFailed"), migration.story()
        assert migration.condition("Copied")["reason"] == "ProvisioningFailed"
        assert "in use" in migration.condition("Copied")["message"]
        assert kube.get("pvc", "moved", namespace) is None
        machine.wait_for_writes()


@pytest.mark.usefixtures("own_driver")
def test_auto_goes_on_until_a_method_works(cluster, kube, machine, migrate, namespace):
    """Snapshots fail and clones are refused: a Job copies in the end, to another claim."""
    name = f"{namespace}-refuses"
    with (
        made(kube, "storageclass", storage_class(name, cloneInUse="refuse")),
        made(kube, "volumesnapshotclass", snapshot_class(name, createSnapshot="fail")),
    ):
        template = {"claimTemplate": {"storageClassName": name}}
        migration = migrate("moved", machine.name, template)
        assert_moved(cluster, kube, machine, migration, "moved")
        found = method(migration)
        assert found["name"] == "HostAssisted"
        assert found["tried"] == ["VolumeSnapshot", "CSIClone"]
        why = {item["name"]: item["reason"] for item in found["refused"]}
        assert why["VolumeSnapshot"] == "SnapshotFailed"
        assert why["CSIClone"] == "ProvisioningFailed"
        assert source_of(kube, "moved", namespace) is None


def test_another_driver_and_a_claim_that_is_there_are_copied_to_by_a_job(
    csi, other_driver, cluster, kube, machine, migrate, namespace
):
    template = {"claimTemplate": {"storageClassName": other_driver}}
    first = migrate("away", machine.name, template)
    assert first.wait_for_end()["status"] == "True", first.story()
    why = {item["name"]: item["reason"] for item in method(first)["refused"]}
    assert (method(first)["name"], why["VolumeSnapshot"]) == ("HostAssisted", "DriversDiffer")
    kube.apply(manifest.claim("there", namespace, csi[1], SIZE))
    back = migrate("back", machine.name, {"claimName": "there"})
    assert back.wait_for_end()["status"] == "True", back.story()
    why = {item["name"]: item["reason"] for item in method(back)["refused"]}
    assert (method(back)["name"], why["VolumeSnapshot"]) == ("HostAssisted", "DestinationThere")
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("there")
    assert verdict.passed, verdict.text


def test_somebody_else_copies_and_says_so(cluster, kube, machine, migrate, there, namespace):
    migration = migrate("moved", machine.name, there, copy={"method": "External"})
    asked = external.published(migration)
    machine.wait_for_writes()
    external.copy(kube, namespace, asked)
    wrong = "detour.dev/copied=other-1"
    annotate = ("annotate", "pvc", asked["destinationClaim"], "-n", namespace, "--overwrite")
    kube.run(*annotate, wrong)
    assert migration.condition("Copied")["status"] == "Unknown"
    kube.run(*annotate, f"detour.dev/copied={asked['token']}")
    assert_moved(cluster, kube, machine, migration, "moved")


def test_others_may_not_copy_the_frozen_source_themselves(
    cluster, kube, machine, migrate, there, namespace
):
    """The lock lets the operator's snapshot through, and nobody else's."""
    migration = migrate("moved", machine.name, there, hold=True)
    migration.wait_for_condition("Copied")
    body = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "mine", "namespace": namespace},
        "spec": {
            "volumeSnapshotClassName": cluster.provider.classes.snapshot_class,
            "source": {"persistentVolumeClaimName": machine.source},
        },
    }
    with pytest.raises(KubectlError, match="AttachmentSwitch moved"):
        kube.create(body)
    kube.patch("volumemigrations", "moved", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
