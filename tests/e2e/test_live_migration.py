"""A live migration that slips through, the lock taken away: never a guest on stale data.

With the lock in force none is admitted (test_lock_denials.py). What protects the guest here is the
order of the handover: KubeVirt fails the migration, or it lands on the right image.
"""

import contextlib
import json

import pytest

from harness import halting, unlocked
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"
BINDINGS = ("detour-lock-live-migrations", "detour-lock-claim-users")
"""What refuses a live migration, and the pod on the other node that it would need."""
ENDS = {"Overlay": "Failed", "Mirrored": "Failed", "Destination": "Succeeded"}
"""How KubeVirt's migration ends, by the order that it meets: libvirt migrates no image without
storage that both nodes share, as the overlay is, and no disk with a block job. After the pivot
there is neither, and the instance names the destination."""


@pytest.fixture
def lock(kube):
    """The lock on live migrations, which is put back at the end."""
    lock = unlocked.Lock(kube, BINDINGS)
    yield lock
    lock.put_back()


def live_migrate(kube, machine):
    """Ask until it is admitted (API servers take a moment to forget a policy); how it ended."""

    def admitted():
        name = kube.run("create", "-f", "-", "-o", "name", given=json.dumps(request)).strip()
        return name.partition("/")[2]

    request = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"generateName": "slips-through-", "namespace": machine.namespace},
        "spec": {"vmiName": machine.name},
    }
    name = wait_for("the live migration to be admitted", lambda: _try(admitted), seconds=60)

    def phase():
        found = kube.get("virtualmachineinstancemigrations", name, machine.namespace) or {}
        seen = found.get("status", {}).get("phase")
        return seen if seen in ("Succeeded", "Failed") else None

    return wait_for("the live migration to end", phase, seconds=240)


def _try(attempt):
    try:
        return attempt()
    except KubectlError as error:
        assert "AttachmentSwitch" in error.message, error
        return None


@contextlib.contextmanager
def halted(kube, migration, order):
    """Has a copied move be at an order, and stay there until the end."""
    if order == "Overlay":
        yield  # for as long as it is held
        return
    let_go = {"spec": {"hold": False}}
    if order == "Destination":
        kube.patch("volumemigrations", migration.name, migration.namespace, let_go)
        halting.wait_for_state(migration, order, "Waiting")
        yield  # until the manifest names the destination
        return
    with halting.before(kube, migration, "Destination"):
        kube.patch("volumemigrations", migration.name, migration.namespace, let_go)
        halting.wait_for_state(migration, order, "Instance")
        yield


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.parametrize("order", ENDS)
def test_guest_never_runs_on_stale_data(cluster, kube, machines, migrate, lock, order):
    if cluster.shared_class is None or len(cluster.nodes) < 2:
        pytest.skip("needs two nodes and a storage class that both can write")
    machine = machines()
    machine.create(cluster.shared_class, SIZE, access_modes=("ReadWriteMany",))
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.shared_class}}
    handover = "WaitForDeclared" if order == "Destination" else "Patch"
    migration = migrate("m", machine.name, destination, hold=True, handover=handover)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    with halted(kube, migration, order):
        lock.take_away()
        ended = live_migrate(kube, machine)
        lock.put_back()
        assert migration.switch()["status"]["compute"]["order"] == order, migration.story()
    assert ended == ENDS[order]
    machine.wait_for_writes()
    if order == "Overlay":
        kube.patch("volumemigrations", "m", machine.namespace, {"spec": {"hold": False}})
    if order == "Destination":
        assert machine.instance_claim() == "m", "admitted onto the old claim"
        halting.declare(machine, "m")
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_live_migration_after_the_move_leaves_no_holder(cluster, kube, machines, migrate):
    """KubeVirt keeps the launcher that it came from, completed."""
    if cluster.shared_class is None or len(cluster.nodes) < 2:
        pytest.skip("needs two nodes and a storage class that both can write")
    machine = machines()
    machine.create(cluster.shared_class, SIZE, access_modes=("ReadWriteMany",))
    machine.wait_until_running()
    migration = migrate(
        "m", machine.name, {"claimTemplate": {"storageClassName": cluster.shared_class}}
    )
    assert migration.wait_for_end()["status"] == "True", migration.story()
    launcher = machine.launcher()["metadata"]["name"]
    assert live_migrate(kube, machine) == "Succeeded"
    wait_for("the holder to go", lambda: not holders(kube, machine.namespace), seconds=240)
    kept = kube.get("pods", launcher, machine.namespace)
    assert kept is None or kept["status"]["phase"] == "Succeeded"
    assert machine.instance_claim() == "m"
    machine.wait_for_writes()


def holders(kube, namespace):
    labels = ((pod["metadata"].get("labels") or {}) for pod in kube.list("pods", namespace))
    return [found for found in labels if found.get("detour.dev/component") == "holder"]
