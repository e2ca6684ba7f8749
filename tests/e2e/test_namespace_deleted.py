"""A namespace is deleted in the middle of a move: it goes, and nobody has to help it."""

import pytest

from cluster.provider import UnsupportedError
from harness import leftovers
from harness.kube import wait_for

LIMIT_SECONDS = 300


def delete(kube, namespace, migration):
    """Delete it, as its owner does, and wait until it is gone."""
    kube.run("delete", "namespace", namespace, "--wait=false")
    wait_for(
        f"the namespace {namespace} to be gone",
        lambda: not kube.run("get", "namespace", namespace, "--ignore-not-found"),
        seconds=LIMIT_SECONDS,
        seen=migration.story,
    )


def of_switch(migration):
    """Node and uid, which nobody can ask for afterwards."""
    switch = migration.switch()
    return switch["status"]["compute"]["node"], switch["metadata"]["uid"]


def overlays(cluster, where):
    try:
        leftovers.assert_recorded(cluster, *where)
        return leftovers.overlays(cluster, *where)
    except UnsupportedError as error:
        pytest.skip(f"the namespace has gone; to look for the overlay: {error}")


@pytest.mark.e2e
def test_while_the_guest_runs_everything_goes(cluster, kube, held, namespace):
    machine, migration = held()
    machine.wait_for_writes()
    where = of_switch(migration)
    delete(kube, namespace, migration)
    assert overlays(cluster, where) == []


@pytest.mark.e2e
@pytest.mark.parametrize("when_stopped", ["Finish", "Auto"])
def test_after_the_guest_has_stopped_the_overlay_alone_is_kept(
    cluster, kube, machines, migrate, namespace, on_node, when_stopped
):
    machine = machines()
    machine.create(cluster.source_class, "128Mi")
    machine.wait_until_running()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    # Held back from the end: what is to be merged waits for the copy, or for the finisher.
    spec = {"hold": True, "whenStopped": when_stopped}
    migration = migrate("m", machine.name, destination, **spec)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    where = of_switch(migration)
    machine.crash()
    if when_stopped == "Finish":
        wait_for(
            "the end of QEMU to be seen",
            lambda: migration.switch().get("status", {}).get("node", {}).get("qemu") == "Gone",
            seconds=120,
            seen=migration.story,
        )
    delete(kube, namespace, migration)
    kept = overlays(cluster, where)
    if when_stopped == "Finish":
        assert kept, "the guest's last writes"
    on_node(where[0], "rm", "-rf", f"{leftovers.OVERLAYS}/{where[1]}")
