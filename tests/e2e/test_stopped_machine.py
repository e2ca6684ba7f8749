"""A VM that is stopped: the same object, the same answers, and no work for the node agent."""

import pytest

from harness import attempts
from harness.machine import Machine

SIZE = "256Mi"


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
