"""A VM that is stopped: the same object, the same answers, and no work for the node agent."""

import pytest

from harness import attempts, claims, halting, unlocked
from harness.facts import Facts
from harness.kube import wait_for
from harness.machine import Machine
from harness.plugging import VOLUME, plug, plugged, ready

SIZE, LARGER = "256Mi", "384Mi"
PLUGGED = "32Mi"
BYTES = 'stat -c %s "$1"'
DATA = 'head -c 16M /dev/urandom >"$1"; truncate -s 32M "$1"'
SUM = 'sha256sum <"$1"'
STARTS = ("detour-lock-machines", "detour-lock-instances", "detour-lock-claim-users")
"""What refuses a start, and the pod that it would need."""


@pytest.fixture
def machine(cluster, machines) -> Machine:
    """A VM that has written to its disk and was stopped."""
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    made.stop()
    return made


def assert_intact(machine, claim):
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_its_disk_is_moved_while_it_is_stopped(cluster, machine, migrate):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.claim() == "m"
    assert migration.switch()["status"]["compute"].get("node") is None
    assert_intact(machine, "m")
    machine.start()
    assert machine.instance_claim() == "m"
    machine.stop()
    assert_intact(machine, "m")


@pytest.mark.e2e
def test_it_cannot_start_meanwhile_and_a_cancel_only_drops_the_lock(
    cluster, kube, machine, migrate, namespace
):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    tried = attempts.of_stopped_machine(kube, machine)
    for claim in (machine.source, "m"):
        tried |= attempts.of_claim(kube, namespace, claim)
    for what, attempt in tried.items():
        told = attempts.refusal(attempt)
        assert "AttachmentSwitch m " in told, f"{what}: {told or 'admitted'}"
    kube.patch("volumemigrations", "m", namespace, {"spec": {"cancel": True}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    assert machine.claim() == machine.source
    machine.start()
    machine.stop()
    assert_intact(machine, machine.source)


@pytest.mark.e2e
def test_a_dry_run_and_the_deletion_of_an_unfinished_move_leave_it_as_it_was(
    cluster, kube, machine, migrate, namespace
):
    template = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    before = machine.object()["spec"]
    dry = migrate("dry", machine.name, template, dryRun=True)
    ended = dry.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("True", "DryRunPassed"), dry.story()
    assert dry.condition("Accepted")["reason"] == "DryRunPassed"
    wait_for("the switch to go", lambda: not dry.switch())
    assert kube.get("pvc", "dry", namespace) is None

    migration = migrate("m", machine.name, template, hold=True)
    migration.wait_for_condition("Copied")
    kube.delete("volumemigrations", "m", namespace)
    assert migration.object() == migration.switch() == {}
    assert machine.object()["spec"] == before
    machine.start()
    assert machine.instance_claim() == machine.source
    machine.stop()
    assert_intact(machine, machine.source)


@pytest.mark.e2e
def test_it_waits_for_its_manifest_under_lock_and_then_its_source_is_deleted(
    cluster, kube, machine, migrate, namespace
):
    """The claim is larger; until KubeVirt itself grows it at the next start, the disk is not."""
    size = claims.on_image(kube, namespace, machine.source, BYTES)
    template = {"storageClassName": cluster.destination_class, "size": LARGER}
    spec = {"handover": "WaitForDeclared", "sourceReclaimPolicy": "Delete"}
    migration = migrate("m", machine.name, {"claimTemplate": template}, **spec)
    halting.wait_for_state(migration, "Destination", "Waiting")

    def asked():
        found = migration.condition("HandedOver")
        return found["message"] if found.get("reason") == "WaitingForDeclaration" else None

    told = wait_for("the lines to commit", asked, seen=migration.story)
    assert "it is stopped" in told
    assert "claimName: m" in told
    assert "updateVolumesStrategy" not in told
    assert machine.claim() == machine.source
    start = attempts.of_stopped_machine(kube, machine)["start"]
    assert "AttachmentSwitch m " in attempts.refusal(start)

    halting.declare(machine, "m", strategy=False)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    migration.wait_for_condition("SourceDeleted")
    assert kube.get("pvc", machine.source, namespace) is None
    assert claims.on_image(kube, namespace, "m", BYTES) == size
    assert_intact(machine, "m")
    machine.start()
    assert machine.instance_claim() == "m"


@pytest.mark.e2e
def test_a_plugged_volume_is_moved_once_it_is_stopped(cluster, kube, machines, migrate, namespace):
    """KubeVirt plugs it again from its new claim."""
    machine = machines()
    machine.create(cluster.source_class, "64Mi")
    machine.wait_until_running()
    machine.wait_for_writes(20)
    facts, node = Facts(kube, machine), machine.instance()["status"]["nodeName"]
    facts.other_claim(cluster.source_class, PLUGGED, "plugged")
    claims.on_image(kube, namespace, "plugged", DATA, node)
    plug(facts, "plugged")
    template = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, template, volume=VOLUME)
    refused = migration.wait_for_condition("Accepted", "False")
    assert refused["reason"] == "VolumeHotplugged"

    machine.stop()
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert plugged("m") in machine.object()["spec"]["template"]["spec"]["volumes"]
    copy, source = (claims.on_image(kube, namespace, claim, SUM) for claim in ("m", "plugged"))
    assert copy == source
    if not cluster.stand_in:
        pytest.skip(
            "the disk was moved; KubeVirt 1.8.2's launcher ends at a start with a plugged volume,"
            " moved or not"
        )
    machine.start()
    ready(facts)
    assert machine.instance_claim(VOLUME) == "m"
    assert machine.instance_claim() == machine.source


@pytest.fixture
def lock(kube):
    """The lock on starts, which is put back at the end."""
    lock = unlocked.Lock(kube, STARTS)
    yield lock
    lock.put_back()


@pytest.mark.alone
@pytest.mark.e2e
def test_one_that_was_started_past_the_lock_stays_on_its_source(
    cluster, kube, machine, migrate, namespace, lock
):
    """Row F1, a guard: the copy is worth nothing as soon as the guest writes."""
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    started = attempts.of_stopped_machine(kube, machine)["start"]
    lock.take_away()
    wait_for("the start to be admitted", lambda: not attempts.refusal(started), seconds=60)
    wait_for("the guest to be started", machine.instance_uid)
    lock.put_back()
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "VirtualMachineStarted")
    assert not migration.switch()["status"]["compute"].get("locked")
    machine.wait_until_running()
    machine.wait_for_writes()
    assert machine.claim() == machine.instance_claim() == machine.source
    machine.stop()
    assert_intact(machine, machine.source)
