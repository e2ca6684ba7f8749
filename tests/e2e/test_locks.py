"""While a disk moves, nobody else may move, stop or change its VM; afterwards everybody may."""

import json

import pytest

from harness.kube import KubectlError, wait_for

SIZE = "128Mi"


def live_migration(machine, name="evacuate"):
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": name, "namespace": machine.namespace},
        "spec": {"vmiName": machine.name},
    }


def eviction(pod, namespace):
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }


def evict(kube, pod, namespace):
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    kube.run("create", "--raw", path, "-f", "-", given=json.dumps(eviction(pod, namespace)))


@pytest.fixture
def held(cluster, machines, migrate):
    """A migration that waits after its copy, and its VM."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("held", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    return machine, migration


def attempts(kube, machine, migration):
    """What others may try with a VM whose disk moves, by name."""
    namespace, name = machine.namespace, machine.name
    pods = (
        machine.launcher()["metadata"]["name"],
        migration.switch()["status"]["compute"]["holderPod"]["name"],
    )
    claim = "/spec/template/spec/volumes/0/persistentVolumeClaim/claimName"
    other_claim = json.dumps([{"op": "replace", "path": claim, "value": "other"}])

    def change(spec):
        return lambda: kube.patch("virtualmachines", name, namespace, {"spec": spec})

    def remove(kind, item):
        return lambda: kube.delete(kind, item, namespace, "--wait=false")

    yield "live migration", lambda: kube.create(live_migration(machine))
    yield "restart of the instance", remove("virtualmachineinstances", name)
    yield "deletion of the VM", remove("virtualmachines", name)
    yield "stop", change({"runStrategy": "Halted"})
    yield "KubeVirt's own volume migration", change({"updateVolumesStrategy": "Migration"})
    yield (
        "another claim for the volume",
        lambda: kube.run(
            "patch", "virtualmachines", name, "-n", namespace, "--type=json", "-p", other_claim
        ),
    )
    for pod in pods:
        yield f"deletion of {pod}", remove("pods", pod)
        yield f"eviction of {pod}", lambda pod=pod: evict(kube, pod, namespace)


@pytest.mark.e2e
def test_everything_that_would_lose_writes_is_denied(kube, held):
    machine, migration = held
    for what, attempt in attempts(kube, machine, migration):
        try:
            attempt()
        except KubectlError as error:
            assert migration.name in error.message, f"{what}: does not name the migration"
        else:
            pytest.fail(f"{what} was not denied")
    machine.wait_for_writes()
    assert machine.instance()["status"]["phase"] == "Running"


@pytest.mark.e2e
def test_another_vm_of_the_namespace_is_free_and_so_is_this_one_afterwards(
    cluster, kube, held, machines, namespace
):
    machine, migration = held
    other = machines("other")
    other.create(cluster.source_class, SIZE)
    other.wait_until_running()
    other.stop()
    kube.patch("volumemigrations", "held", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("held")
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_live_migration_is_denied_at_every_stage(cluster, kube, machines, migrate, namespace):
    """Asked for over and over during a whole move: never admitted between lock and unlock."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("move", machine.name, destination)
    migration.wait_for_condition("Locked")
    denied = {}

    def ended():
        before = migration.switch()["status"]["compute"]
        try:
            kube.create(live_migration(machine), "--dry-run=server")
        except KubectlError as error:
            assert "move" in error.message
            key = (before.get("order", ""), before.get("handover"))
            denied[key] = denied.get(key, 0) + 1
        else:
            after = migration.switch()["status"]["compute"]
            assert not after.get("locked"), f"admitted while locked: {before} {after}"
        return migration.condition("Succeeded").get("status") == "True"

    wait_for("the move to end", ended, seconds=300, every=0.05, seen=migration.story)
    assert {order for order, _ in denied} >= {"Overlay"}, denied
