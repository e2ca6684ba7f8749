"""A copy is as slow as it was asked to be, and compared with its source if that was asked for."""

import datetime

import pytest

from harness import external, leftovers, slow_copy
from harness.kube import wait_for

pytestmark = pytest.mark.e2e

SIZE = "128Mi"
OFFSET = 100 * 1024 * 1024 + 12345
"""Of the byte that is planted: within the guest's image, and at no boundary of anything."""
CHECKSUM = {"verify": "Checksum"}


@pytest.fixture
def machine(machines):
    """Makes a running guest that has written, on a class."""

    def make(storage_class):
        found = machines()
        found.create(storage_class, SIZE)
        found.wait_until_running()
        found.wait_for_writes()
        return found

    return make


def to(storage_class):
    return {"claimTemplate": {"storageClassName": storage_class}}


def copiers(kube, namespace):
    pods = kube.list("pods", namespace, "detour.dev/component=copier")
    return {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in pods}


def finish(cluster, kube, machine, migration):
    """The move ends on its destination, with all that the guest wrote."""
    kube.patch("volumemigrations", migration.name, machine.namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    leftovers.assert_none(cluster, migration)
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(machine.claim())
    assert verdict.passed, verdict.text


def assert_verified(migration):
    verified = migration.condition("Verified")
    assert (verified["status"], verified["reason"]) == ("True", "Verified"), migration.story()
    status = migration.object()["status"]
    assert status["copied"]["verified"] is True
    assert status["progress"]["bytesVerified"] == status["progress"]["bytesTotal"] > 0


def test_a_limit_is_obeyed(cluster, kube, machine, migrate):
    """The least time alone is looked at: it follows from the limit, not from the machine."""
    found = machine(cluster.source_class)
    limit = slow_copy.limit(found)
    copy = {"method": "HostAssisted", "bandwidthLimit": limit}
    migration = migrate("m", found.name, to(cluster.destination_class), copy=copy, hold=True)
    migration.wait_for_condition("SourceFrozen")
    frozen = slow_copy.data_bytes(found)
    migration.wait_for_condition("Copied")
    status = migration.object()["status"]
    if "reflink" in status["copyMethod"]["reason"]:
        pytest.skip("both classes are of one file system that shares blocks: nothing is copied")
    begun, ended = (
        datetime.datetime.fromisoformat(status[name]) for name in ("startTime", "copiedTime")
    )
    assert (ended - begun).total_seconds() >= 0.9 * frozen / int(limit) - 1
    found.wait_for_writes()
    finish(cluster, kube, found, migration)


def test_a_good_copy_of_the_storage_is_verified(cluster, csi, kube, machine, migrate):
    first, second = csi
    found = machine(first)
    copy = {"method": "VolumeSnapshot", **CHECKSUM}
    migration = migrate("m", found.name, to(second), copy=copy, hold=True)
    migration.wait_for_condition("Copied")
    assert migration.object()["status"]["copyMethod"]["name"] == "VolumeSnapshot"
    assert_verified(migration)
    finish(cluster, kube, found, migration)


def test_a_copier_that_dies_while_it_compares_is_not_believed(
    cluster, kube, machine, migrate, namespace
):
    found = machine(cluster.source_class)
    idle = {"ioPriority": "Idle", "bandwidthLimit": slow_copy.limit(found, seconds=10)}
    copy = {"method": "HostAssisted", **idle, **CHECKSUM}
    migration = migrate("m", found.name, to(cluster.destination_class), copy=copy, hold=True)

    def verifying():
        return migration.condition("Verified").get("reason") == "Verifying"

    wait_for("the verification", verifying, seconds=300, every=0.3, seen=migration.story)
    assert migration.condition("Copied")["status"] == "Unknown"
    assert migration.object()["status"]["progress"]["percent"] == 100
    ((first, name),) = copiers(kube, namespace).items()
    assert kube.run("exec", name, "-n", namespace, "--", "ionice", "-p", "1").strip() == "idle"
    kube.delete("pods", name, namespace, "--grace-period=0", "--force", "--wait=false")
    migration.wait_for_condition("Copied")
    assert copiers(kube, namespace).keys() - {first}, "verified by another one"
    assert_verified(migration)
    finish(cluster, kube, found, migration)


COPY = f"""
cp --sparse=always /source/disk.img /destination/disk.img
python3 - <<END
with open("/destination/disk.img", "r+b") as image:
    image.seek({OFFSET})
    before = image.read(1)[0]
    image.seek({OFFSET})
    image.write(bytes([before ^ 0xFF]))
END
sync /destination/disk.img
"""
"""All of it but for one byte."""


def test_one_wrong_byte_is_named_and_the_move_is_cancelled(
    cluster, kube, machine, migrate, namespace
):
    found = machine(cluster.source_class)
    copy = {"method": "External", **CHECKSUM}
    migration = migrate("m", found.name, to(cluster.destination_class), copy=copy)
    asked = external.published(migration)
    external.copy(kube, namespace, asked, COPY)
    word = f"detour.dev/copied={asked['token']}"
    kube.run("annotate", "pvc", asked["destinationClaim"], "-n", namespace, word)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "CopyFailed"), migration.story()
    for kind in ("Verified", "Copied"):
        told = migration.condition(kind)
        assert (told["status"], told["reason"]) == ("False", "VerificationFailed")
        assert f"at byte {OFFSET}:" in told["message"]
    assert found.claim() == found.instance_claim() == found.source
    leftovers.assert_none(cluster, migration)
    found.wait_for_writes()
    found.stop()
    verdict = found.verify(found.source)
    assert verdict.passed, verdict.text
