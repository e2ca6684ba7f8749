"""A cancelled move leaves the VM on its source, with everything its guest wrote."""

import pytest

SIZE = "256Mi"


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    return made


def assert_back_on_source(machine):
    assert machine.claim() == machine.source
    assert machine.instance_claim() == machine.source
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text
    machine.start()


@pytest.mark.e2e
def test_cancel_while_it_waits(cluster, kube, machine, migrate, namespace):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    kube.patch("volumemigrations", "m", namespace, {"spec": {"cancel": True}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    assert_back_on_source(machine)


@pytest.mark.e2e
def test_deleting_an_unfinished_migration_cancels_it(cluster, kube, machine, migrate, namespace):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination)
    migration.wait_for_condition("SourceFrozen")
    kube.delete("volumemigrations", "m", namespace)
    assert migration.object() == {}
    assert migration.switch() == {}
    assert_back_on_source(machine)
