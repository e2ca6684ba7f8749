"""A VM that is stopped: the same object, the same answers, and no work for the node agent."""

import pytest

from harness import attempts, unlocked
from harness.kube import wait_for
from harness.machine import Machine

SIZE = "256Mi"
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
