"""QEMU itself copies the disk while the guest writes to both, on launchers old and new."""

import json

import pytest

from harness import leftovers, slow_copy
from harness.facts import Facts
from harness.kube import wait_for

pytestmark = pytest.mark.e2e

SIZE = "256Mi"
BY_QEMU = {"method": "Hypervisor"}
LAUNCHERS = (None, "trixie", "sid", "bookworm")


@pytest.fixture
def machine(cluster, machines):
    """Makes a running guest that has written, by a launcher or KubeVirt's own choice."""

    def make(launcher=None):
        if launcher is not None and launcher not in cluster.launchers:
            pytest.skip("KubeVirt here has one launcher")
        found = machines()
        found.create(cluster.source_class, SIZE, launcher=launcher)
        found.wait_until_running()
        found.wait_for_writes()
        return found

    return make


@pytest.fixture
def to(cluster):
    return {"claimTemplate": {"storageClassName": cluster.destination_class}}


@pytest.fixture
def slowly(migrate, to):
    """A migration that takes its time to copy, amid that."""

    def begin(machine, seconds=600, **spec):
        copy = {**BY_QEMU, "bandwidthLimit": slow_copy.limit(machine, seconds)}
        migration = migrate("m", machine.name, to, copy=copy, **spec)
        wait_for(
            "QEMU to copy",
            lambda: migration.object().get("status", {}).get("progress", {}).get("bytesDone"),
            seconds=300,
            seen=migration.story,
        )
        return migration

    return begin


def assert_intact(machine, claim):
    assert machine.claim() == claim
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


def frozen(migration):
    told = migration.condition("SourceFrozen")
    return told["status"], told["reason"]


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=[name or "default" for name in LAUNCHERS])
def test_the_disk_moves_while_the_guest_writes(cluster, kube, machine, migrate, to, launcher):
    found = machine(launcher)
    xml, instance = cluster.domain_xml(found), found.instance_uid()
    migration = migrate("m", found.name, to, copy=BY_QEMU, hold=True)
    migration.wait_for_condition("Copied")
    assert frozen(migration) == ("False", "NoOverlay")
    assert migration.switch()["status"]["node"].get("overlay") is None
    found.wait_for_writes()
    kube.patch("volumemigrations", "m", found.namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert migration.object()["status"]["copyMethod"]["name"] == "Hypervisor"
    assert found.instance_uid() == instance, "the guest was not to be restarted"
    assert found.instance_claim() == "m"
    assert cluster.domain_xml(found) == xml
    assert leftovers.on_node(cluster, migration) == []
    assert_intact(found, "m")
    assert not found.verify(found.source).passed, "the source has nothing since the switch"


@pytest.mark.parametrize("launcher", [None, "bookworm"], ids=["default", "bookworm"])
def test_cancel_amid_the_copy(cluster, kube, machine, slowly, launcher):
    found = machine(launcher)
    xml = cluster.domain_xml(found)
    migration = slowly(found)
    found.wait_for_writes()
    kube.patch("volumemigrations", "m", found.namespace, {"spec": {"cancel": True}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    assert migration.condition("Copied")["status"] != "True"
    assert cluster.domain_xml(found) == xml
    assert leftovers.on_node(cluster, migration) == []
    assert_intact(found, found.source)


def test_cancel_while_both_are_the_same(kube, machine, migrate, to):
    found = machine()
    migration = migrate("m", found.name, to, copy=BY_QEMU, hold=True)
    migration.wait_for_condition("Copied")
    found.wait_for_writes()
    kube.patch("volumemigrations", "m", found.namespace, {"spec": {"cancel": True}})
    assert migration.wait_for_end()["reason"] == "Cancelled", migration.story()
    assert_intact(found, found.source)


def test_a_guest_that_stops_amid_the_copy_goes_on_there_and_the_move_starts_again(
    kube, machine, slowly
):
    found = machine()
    migration = slowly(found, seconds=30, hold=True)
    first, before = migration.switch()["metadata"]["uid"], found.instance_uid()
    found.crash()
    wait_for(
        "another instance",
        lambda: found.instance_uid() not in ("", before),
        seconds=300,
        seen=migration.story,
    )
    found.wait_until_running()
    found.wait_for_writes(50)
    wait_for(
        "the second try to be copied",
        lambda: (
            migration.switch().get("metadata", {}).get("uid") not in (None, first)
            and migration.phase() == "Holding"
        ),
        seconds=600,
        seen=migration.story,
    )
    kube.patch("volumemigrations", "m", found.namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_intact(found, "m")


def test_a_guest_that_stops_cancels_the_move_if_that_is_asked_for(machine, slowly):
    found = machine()
    migration = slowly(found, whenStopped="Cancel")
    found.crash()
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "GuestStopped"), migration.story()
    found.wait_until_running()
    assert_intact(found, found.source)


def test_the_limit_is_what_qemu_keeps(kube, machine, slowly):
    """That QEMU keeps it is measured in tests/contract, with a guest that does not write."""
    found = machine()
    migration = slowly(found, seconds=30)
    facts = Facts(kube, found)
    told = facts.virsh("qemu-monitor-command", facts.domain, '{"execute": "query-block-jobs"}')
    (job,) = json.loads(told)["return"]
    assert str(job["speed"]) == migration.object()["spec"]["copy"]["bandwidthLimit"]
    progress = migration.object()["status"]["progress"]
    assert progress["bytesTotal"] >= progress["bytesDone"] > 0
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_intact(found, "m")


def test_the_disk_of_a_stopped_machine_is_copied_by_a_job(kube, machine, migrate, to):
    found = machine()
    found.stop()
    migration = migrate("m", found.name, to, copy=BY_QEMU)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert found.claim() == "m"
    found.start()
    assert_intact(found, "m")


def test_an_existing_claim_with_data_is_not_written_to(cluster, kube, machine, migrate, machines):
    other = machines("other")
    other.create(cluster.source_class, SIZE)
    other.wait_until_running()
    other.wait_for_writes()
    other.stop()
    found = machine()
    kube.delete("virtualmachines", other.name, found.namespace)
    migration = migrate("m", found.name, {"claimName": other.source}, copy=BY_QEMU)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "CopyFailed"), migration.story()
    assert migration.condition("Copied")["reason"] == "DestinationNotEmpty"
    verdict = other.verify(other.source)
    assert verdict.passed, verdict.text
    assert_intact(found, found.source)
