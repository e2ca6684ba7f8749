"""Without the permission to act as KubeVirt's controller: a whole move, but no live migration."""

import pytest

from harness import install
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"


@pytest.fixture
def no_permission(cluster):
    install.detour(cluster, "impersonation.enabled=false")
    yield
    install.detour(cluster)


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.usefixtures("no_permission")
def test_vm_is_locked_against_live_migration_until_it_restarts(cluster, kube, machines, migrate):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination)
    migration.wait_for_condition("SourceReleased")
    wait_for("the VM to name the destination", lambda: machine.claim() == "m")
    wait_for(
        "word that a restart is due",
        lambda: migration.condition("HandedOver").get("reason") == "RestartRequired",
        seen=migration.story,
    )
    assert migration.condition("HandedOver")["status"] == "False"
    assert machine.instance_claim() == machine.source, "nobody may change the instance"
    conditions = machine.object()["status"].get("conditions", [])
    assert "RestartRequired" in {item["type"] for item in conditions}
    with pytest.raises(KubectlError, match="AttachmentSwitch m"):
        kube.create(
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachineInstanceMigration",
                "metadata": {"name": "evacuate", "namespace": machine.namespace},
                "spec": {"vmiName": machine.name},
            }
        )
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == "m"

    def unlocked():
        return not migration.switch()["status"]["compute"].get("locked")

    wait_for("the lock to go with the restart", unlocked, seen=migration.story)


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.usefixtures("no_permission")
def test_a_declared_handover_then_asks_for_the_claim_alone(cluster, kube, machines, migrate):
    """With the strategy Migration KubeVirt would move the volume itself: it is refused."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, handover="WaitForDeclared")

    def asked():
        told = migration.condition("HandedOver")
        return told if told.get("reason") == "WaitingForDeclaration" else None

    message = wait_for("the lines to commit", asked, seen=migration.story)["message"]
    assert "updateVolumesStrategy: Migration" not in message
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "m"}}]
    declared = {"template": {"spec": {"volumes": volumes}}}

    def commit(spec):
        kube.patch("virtualmachines", machine.name, machine.namespace, {"spec": spec})

    with pytest.raises(KubectlError, match="cannot be changed"):
        commit({**declared, "updateVolumesStrategy": "Migration"})
    commit(declared)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == "m"
