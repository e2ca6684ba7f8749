"""Destinations that hold data, and storage that fails under the copy: the guest goes on."""

import itertools

import pytest

from guest import manifest
from harness import claims, leftovers

pytestmark = pytest.mark.e2e

MIB = 1 << 20
SIZE = "256Mi"
DEVICE = 128 * MIB
_numbers = itertools.count(1)


@pytest.fixture
def on_claim(kube, namespace):
    """Runs a script in a pod that has a claim at /disk, as the guest's user; what it printed."""

    def run(claim, script, node):
        name = f"on-claim-{next(_numbers)}"
        pod = manifest.verifier(name, namespace, claim, node=node)
        (container,) = pod["spec"]["containers"]
        container["volumeMounts"][0]["readOnly"] = False
        container["command"] = ["sh", "-euc", script]
        kube.apply(pod)
        done = "--for=jsonpath={.status.phase}=Succeeded"
        kube.run("wait", f"pod/{name}", "-n", namespace, done, "--timeout=180s", timeout=200)
        said = kube.run("logs", name, "-n", namespace)
        kube.delete("pods", name, namespace)
        return said

    return run


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    return made


def node_of(machine):
    return machine.instance()["status"]["nodeName"]


def assert_undone(cluster, machine, migration, reason):
    """The copy failed for that reason, and the guest never stopped and is on its source."""
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "CopyFailed"), migration.story()
    copied = migration.condition("Copied")
    assert (copied["status"], copied["reason"]) == ("False", reason), migration.story()
    assert machine.claim() == machine.instance_claim() == machine.source
    leftovers.assert_none(cluster, migration)
    machine.wait_for_writes()
    return copied["message"]


def assert_intact(machine, claim, *, block=False):
    machine.stop()
    verdict = machine.verify(claim, block=block)
    assert verdict.passed, verdict.text


FILL = {
    "an image": "head -c 1048576 /dev/urandom >/disk/disk.img",
    "another file": "echo precious >/disk/notes",
}
SUMS = "cd /disk && find . -type f -exec sha256sum {} + | sort"


@pytest.mark.parametrize("fill", FILL.values(), ids=FILL)
def test_a_claim_with_data_is_refused_and_written_over_if_that_is_said(
    cluster, kube, machine, migrate, namespace, on_claim, fill
):
    kube.apply(manifest.claim("there", namespace, cluster.destination_class, SIZE))
    node, booted = node_of(machine), machine.instance_uid()
    before = on_claim("there", f"{fill}; {SUMS}", node)
    assert before
    refused = migrate("refused", machine.name, {"claimName": "there"})
    message = assert_undone(cluster, machine, refused, "DestinationNotEmpty")
    assert "spec.destination.overwrite" in message
    assert machine.instance_uid() == booted
    assert on_claim("there", SUMS, node) == before, "written to"

    onto = {"claimName": "there", "overwrite": True}
    moved = migrate("moved", machine.name, onto)
    assert moved.wait_for_end()["status"] == "True", moved.story()
    assert machine.claim() == machine.instance_claim() == "there"
    assert machine.instance_uid() == booted
    machine.wait_for_writes()
    assert_intact(machine, "there")
    kept = [line for line in before.splitlines() if "disk.img" not in line]
    after = on_claim("there", SUMS, node)
    assert [line for line in after.splitlines() if "disk.img" not in line] == kept


def test_an_empty_claim_is_recorded_as_such(cluster, kube, machine, migrate, namespace):
    kube.apply(manifest.claim("there", namespace, cluster.destination_class, SIZE))
    migration = migrate("moved", machine.name, {"claimName": "there"})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    uid = kube.get("pvc", "there", namespace)["metadata"]["uid"]
    assert migration.object()["status"]["emptyClaimUID"] == uid
    machine.wait_for_writes()
    assert_intact(machine, "there")


def test_a_device_with_data_is_refused_and_written_over_if_that_is_said(
    cluster, blocks, kube, machines, migrate, namespace
):
    node, (first, second) = blocks.place(cluster.nodes[0]), blocks.classes
    blocks.make(node, first, DEVICE)
    machine = machines()
    machine.create(first, str(DEVICE), volume_mode="Block", node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    size = claims.capacity(kube, namespace, machine.source)
    volume = blocks.make(node, second, size)
    kube.apply(manifest.claim("there", namespace, second, str(size), volume_mode="Block"))
    blocks.fill(volume, "there", machine)
    refused = migrate("refused", machine.name, {"claimName": "there"})
    message = assert_undone(cluster, machine, refused, "DestinationNotEmpty")
    assert "spec.destination.overwrite" in message
    others = blocks.read(volume, "there", machine, "tr -d '\\377' <\"$1\" | wc -c")
    assert others.strip() == "0", "written to"

    onto = {"claimName": "there", "overwrite": True}
    moved = migrate("moved", machine.name, onto)
    assert moved.wait_for_end()["status"] == "True", moved.story()
    machine.wait_for_writes()
    assert_intact(machine, "there", block=True)


def test_a_device_of_zeroes_is_taken(cluster, blocks, kube, machines, migrate, namespace):
    node, (first, second) = blocks.place(cluster.nodes[0]), blocks.classes
    blocks.make(node, first, DEVICE)
    machine = machines()
    machine.create(first, str(DEVICE), volume_mode="Block", node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    size = claims.capacity(kube, namespace, machine.source)
    volume = blocks.make(node, second, size)
    kube.apply(manifest.claim("there", namespace, second, str(size), volume_mode="Block"))
    blocks.clear(volume, "there", machine)
    moved = migrate("moved", machine.name, {"claimName": "there"})
    assert moved.wait_for_end()["status"] == "True", moved.story()
    machine.wait_for_writes()
    assert_intact(machine, "there", block=True)


@pytest.mark.usefixtures("own_driver")
def test_no_space_on_the_destination(cluster, csi, kube, machine, migrate, namespace, on_claim):
    """The claim is large enough, and its file system, not a folder, is full of something else."""
    _, small = csi
    kube.apply(manifest.claim("full", namespace, small, SIZE))
    booted = machine.instance_uid()
    fill = "dd if=/dev/zero of=/disk/filler bs=1M 2>/dev/null || sync"
    on_claim("full", fill, node_of(machine))
    onto = {"claimName": "full", "overwrite": True}
    migration = migrate("failed", machine.name, onto)
    assert_undone(cluster, machine, migration, "NoSpaceLeft")
    assert machine.instance_uid() == booted
    assert_intact(machine, machine.source)


def test_a_source_that_cannot_be_read(cluster, devices, machines, migrate):
    """Of a stopped machine: a guest that runs would meet, and mend, the broken part itself."""
    node, (first, second) = cluster.nodes[0], devices.classes
    volume = devices.make(node, first, DEVICE)
    machine = machines()
    machine.create(first, str(DEVICE), volume_mode="Block", node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    machine.stop()
    devices.make(node, second, DEVICE)
    with devices.cut_off(node, volume, DEVICE - 8 * MIB):
        template = {"claimTemplate": {"storageClassName": second}}
        migration = migrate("failed", machine.name, template)
        ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "CopyFailed"), migration.story()
    assert migration.condition("Copied")["reason"] == "ReadError", migration.story()
    assert machine.claim() == machine.source
    verdict = machine.verify(machine.source, block=True)
    assert verdict.passed, verdict.text


def test_a_destination_that_cannot_be_written_to(cluster, devices, machines, migrate):
    """It looks empty, and takes no write: the guest's own writes come back from the overlay."""
    node, (first, second) = cluster.nodes[0], devices.classes
    devices.make(node, first, DEVICE)
    machine = machines()
    machine.create(first, str(DEVICE), volume_mode="Block", node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    booted = machine.instance_uid()
    volume = devices.make(node, second, DEVICE)
    with devices.unwritable(node, volume):
        template = {"claimTemplate": {"storageClassName": second}}
        migration = migrate("failed", machine.name, template)
        assert_undone(cluster, machine, migration, "WriteError")
    assert machine.instance_uid() == booted
    assert_intact(machine, machine.source, block=True)
