"""Operator and node agent may die at any stage: the move goes on and nothing is lost."""

import pytest

from harness.kube import wait_for

SIZE = "256Mi"


def kill_pods(kube, component):
    kube.run(
        "delete", "pods", "-n", "detour-system", "-l", f"app.kubernetes.io/component={component}",
        "--grace-period=0", "--force", "--wait=false",
    )  # fmt: skip


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.parametrize("component", ["operator", "node-agent"])
def test_killed_over_and_over_during_a_move(cluster, kube, machines, migrate, component):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    for stage in ("Locked", "SourceFrozen", "Copied"):
        migration.wait_for_condition(stage)
        kill_pods(kube, component)
    kube.patch("volumemigrations", "m", migration.namespace, {"spec": {"hold": False}})
    wait_for("the merge", lambda: migration.phase() not in ("Holding", "Copying"), every=0.1)
    kill_pods(kube, component)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text


@pytest.mark.alone
@pytest.mark.e2e
def test_the_second_operator_takes_over_within_twenty_seconds(kube):
    def holder():
        lease = kube.get("leases", "detour-operator", "detour-system") or {}
        return lease.get("spec", {}).get("holderIdentity", "")

    first = wait_for("a leader", holder)
    name = next(
        pod["metadata"]["name"]
        for pod in kube.list("pods", "detour-system", "app.kubernetes.io/component=operator")
        if pod["metadata"]["name"] in first
    )
    kube.delete("pods", name, "detour-system", "--grace-period=0", "--force", "--wait=false")
    wait_for("another leader", lambda: holder() not in ("", first), seconds=20, every=0.2)
