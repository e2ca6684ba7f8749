"""QEMU itself copies the disk while the guest writes to both, on launchers old and new."""

import pytest

from harness import claims, leftovers, slow_copy
from harness.kube import wait_for

pytestmark = pytest.mark.e2e

MIB = 1 << 20
SIZE = "256Mi"
DEVICE = 128 * MIB + 3 * 512
"""No whole MiB, no whole 4 KiB."""
BY_QEMU = {"method": "Hypervisor"}


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


def slowly(machine, migrate, to, seconds, **spec):
    """A migration that takes its time to copy, amid that."""
    limit = slow_copy.limit(machine, seconds)
    copy = {**BY_QEMU, "bandwidthLimit": limit}
    migration = migrate("slow", machine.name, to, copy=copy, **spec)
    wait_for(
        "QEMU to copy",
        lambda: migration.object().get("status", {}).get("progress", {}).get("bytesDone"),
        seconds=300,
        seen=migration.story,
    )
    return migration


def copied_and_held(machine, migrate, to):
    """A migration that waits with both images the same; the guest went on to write."""
    migration = migrate("m", machine.name, to, copy=BY_QEMU, hold=True)
    migration.wait_for_condition("Copied")
    frozen = migration.condition("SourceFrozen")
    assert (frozen["status"], frozen["reason"]) == ("False", "NoOverlay")
    machine.wait_for_writes()
    return migration


def let_go(kube, migration):
    """Have it switch, and wait until it has succeeded."""
    patch = {"spec": {"hold": False}}
    kube.patch("volumemigrations", migration.name, migration.namespace, patch)
    assert migration.wait_for_end()["status"] == "True", migration.story()


def cancel(kube, migration):
    """Cancel it, and wait until it has ended so."""
    patch = {"spec": {"cancel": True}}
    kube.patch("volumemigrations", migration.name, migration.namespace, patch)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()


def assert_intact(machine, claim, *, block=False):
    assert machine.claim() == claim
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(claim, block=block)
    assert verdict.passed, verdict.text


@pytest.mark.parametrize("launcher", [None, "bookworm", "sid"], ids=["default", "bookworm", "sid"])
def test_it_is_cancelled_and_then_moved_while_the_guest_writes(
    cluster, kube, machine, migrate, to, launcher
):
    """The old launcher cannot take an overlay; the newest may lack what an older one had."""
    found = machine(launcher)
    xml, instance = cluster.domain_xml(found), found.instance_uid()
    first = slowly(found, migrate, to, 600)
    found.wait_for_writes()
    cancel(kube, first)
    assert first.condition("Copied")["status"] != "True"
    assert cluster.domain_xml(found) == xml
    leftovers.assert_none(cluster, first)
    found.wait_for_writes()

    moved = copied_and_held(found, migrate, to)
    let_go(kube, moved)
    assert moved.object()["status"]["copyMethod"]["name"] == "Hypervisor"
    assert found.instance_uid() == instance, "the guest was not to be restarted"
    assert found.instance_claim() == "m"
    assert cluster.domain_xml(found) == xml
    leftovers.assert_none(cluster, moved)
    assert_intact(found, "m")
    assert not found.verify(found.source).passed, "the source has nothing since the switch"


def test_a_cancel_while_both_are_the_same_leaves_the_source(cluster, kube, machine, migrate, to):
    found = machine("sid")
    migration = copied_and_held(found, migrate, to)
    cancel(kube, migration)
    leftovers.assert_none(cluster, migration)
    assert_intact(found, found.source)


def test_a_device_moves_onto_a_larger_one(cluster, blocks, kube, machines, migrate, namespace):
    node, (first, second) = blocks.place(cluster.nodes[0]), blocks.classes
    size = blocks.whole(DEVICE)
    blocks.make(node, first, size)
    found = machines()
    found.create(first, str(size), volume_mode="Block", node=node)
    found.wait_until_running()
    found.wait_for_writes()
    xml = cluster.domain_xml(found)
    larger = blocks.whole(claims.capacity(kube, namespace, found.source) + 5 * MIB + 512)
    blocks.make_used(node, second, larger)
    template = {"storageClassName": second, "size": str(larger)}
    migration = copied_and_held(found, migrate, {"claimTemplate": template})
    let_go(kube, migration)
    assert cluster.domain_xml(found) == xml
    leftovers.assert_none(cluster, migration)
    assert_intact(found, "m", block=True)


def test_a_guest_that_stops_amid_the_copy_goes_on_there_and_the_move_starts_again(
    kube, machine, migrate, to
):
    found = machine()
    migration = slowly(found, migrate, to, 30, hold=True)
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
    let_go(kube, migration)
    assert_intact(found, "slow")
