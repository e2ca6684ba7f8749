"""A cancelled move leaves the VM on its source, with everything its guest wrote."""

import pytest

from harness import halting
from harness.kube import KubectlError, wait_for

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
def test_deleting_the_switch_of_one_that_waits_cancels_it(
    cluster, kube, machine, migrate, namespace
):
    """The lock holds until the end: the switch's finalizer keeps it, and nobody can take that off.

    The deletion itself is not refused to anybody: it is a wish to go back.
    """
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    with halting.before_the_unlock(kube, migration):
        kube.delete("attachmentswitches", "m", namespace, "--wait=false")
        halting.wait_for_state(migration, "Source", "Pending")
        with pytest.raises(KubectlError, match="holds the lock"):
            kube.patch("attachmentswitches", "m", namespace, {"metadata": {"finalizers": None}})
        machine.wait_for_writes()
        assert migration.switch()["status"]["compute"]["locked"] is True, migration.story()
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "SwitchDeleted"), migration.story()
    wait_for("the switch to be gone", lambda: migration.switch() == {}, seen=migration.story)
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
