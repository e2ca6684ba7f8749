"""A lock whose migration is gone is found, and taken off by an end of the move, never just so."""

import pytest

from harness import attempts
from harness.kube import wait_for
from harness.unlocked import Lock

LET_GO = {"hold": False}
DRY = "--dry-run=server"


def delete_by_force(kube, migration):
    """As somebody does whose deletion hangs: take the finalizers away."""
    kube.delete("volumemigrations", migration.name, migration.namespace, "--wait=false")
    kube.patch(
        "volumemigrations", migration.name, migration.namespace, {"metadata": {"finalizers": None}}
    )
    wait_for("the migration to be gone", lambda: not migration.object())


def wait_until_free(kube, machine, migration):
    live_migration = attempts.of_machine(kube, machine)["live migration"]

    def free():
        return "policy" not in attempts.refusal(live_migration, DRY).lower()

    wait_for("the lock to go", lambda: not migration.switch(), seen=migration.story)
    wait_for("the VM to be free", free)
    budgets = kube.list("poddisruptionbudgets", machine.namespace, "detour.dev/component=budget")
    assert f"detour-{migration.name}" not in [item["metadata"]["name"] for item in budgets]


@pytest.mark.e2e
def test_a_held_move_whose_migration_was_stripped_is_cancelled(kube, held):
    machine, migration = held()
    delete_by_force(kube, migration)
    wait_until_free(kube, machine, migration)
    machine.wait_for_writes()
    assert machine.claim() == machine.instance_claim() == machine.source
    machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_one_that_is_being_switched_goes_back_or_on_and_never_in_between(kube, held, namespace):
    machine, migration = held()
    kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    merging = ("Mirrored", "Destination")

    def order():
        return migration.switch()["status"]["compute"].get("order", "")

    wait_for("the merge", lambda: order() in merging, every=0.05, seen=migration.story)
    delete_by_force(kube, migration)
    wait_until_free(kube, machine, migration)
    machine.wait_for_writes()
    claim = machine.claim()
    assert claim == machine.instance_claim()
    assert claim in (machine.source, migration.name)
    machine.stop()
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


@pytest.mark.alone
@pytest.mark.e2e
def test_without_a_part_of_the_lock_it_goes_no_further(kube, held):
    """Row U2: what was asked for waits until the lock is whole again."""
    machine, migration = held()
    lock, story = Lock(kube, ["detour-lock-live-migrations"]), migration.story
    lock.take_away()
    try:
        wait_for("the lock to be missed", lambda: "LockIncomplete" in story(), seen=story)
        assert migration.condition("Locked")["status"] == "False"
        kube.patch("volumemigrations", migration.name, migration.namespace, {"spec": LET_GO})
        asked = lambda: migration.switch()["spec"]["position"] == "Destination"  # noqa: E731
        wait_for("the destination to be asked for", asked, seen=story)
        machine.wait_for_writes()
        assert migration.switch()["status"]["compute"]["order"] == "Overlay", story()
    finally:
        lock.put_back()
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(migration.name)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_the_deletion_of_the_namespace_ends_the_move_first(kube, held, namespace):
    machine, _ = held()
    kube.run("delete", "namespace", namespace, "--wait=false")

    def gone():
        found = kube.run("get", "namespace", namespace, "--ignore-not-found", "-o", "name")
        return not found

    def left():
        return kube.run("get", "namespace", namespace, "-o", "jsonpath={.status.conditions}")

    wait_for("the namespace to be gone", gone, seconds=300, seen=left)
    kube.run("create", "namespace", namespace)  # for the fixture, which removes it
    assert machine.object() == {}
