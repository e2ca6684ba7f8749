"""The guest's node loses its power in the middle of a move: nothing is guessed."""

import contextlib

import pytest

from cluster.provider import UnsupportedError
from harness.kube import KubectlError, wait_for

SIZE = "256Mi"
# What a guest was told in the last seconds of its node is in no log; it may be on the disk.
UNLOGGED = 2000
TAINT = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"


@pytest.fixture
def machine(cluster, machines):
    if cluster.shared_class is None:
        pytest.skip("needs a class whose claims every node can use")
    made = machines()
    made.create(cluster.shared_class, SIZE, access_modes=("ReadWriteMany",))
    made.wait_until_running()
    made.wait_for_writes()
    return made


@pytest.fixture
def powered_off(cluster, kube):
    """Takes a node's power away; it is back at the end."""
    off = []

    def power_off(node):
        try:
            cluster.provider.power_off(node)
        except UnsupportedError as error:
            pytest.skip(str(error))
        off.append(node)

    yield power_off
    for node in off:
        with contextlib.suppress(KubectlError):
            kube.run("taint", "node", node, f"{TAINT}-")
        cluster.provider.power_on(node)
        kube.run("wait", "node", node, "--for=condition=Ready", "--timeout=300s", timeout=320)
        kube.run(
            "rollout", "status", "daemonset/detour-node-agent", "-n", "detour-system",
            "--timeout=300s", timeout=320,
        )  # fmt: skip


def copied_and_held(cluster, machine, migrate, where="NodeLocal"):
    destination = {"claimTemplate": {"storageClassName": cluster.shared_class}}
    migration = migrate("m", machine.name, destination, hold=True, overlay={"where": where})
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    return migration, machine.instance()["status"]["nodeName"]


def assert_intact(machine, claim):
    machine.stop()
    verdict = machine.verify(claim, slack=UNLOGGED)
    assert verdict.passed, verdict.text


@pytest.mark.alone
@pytest.mark.e2e
def test_a_node_that_comes_back_finishes_what_its_guest_left(
    cluster, kube, machine, migrate, namespace, powered_off
):
    migration, node = copied_and_held(cluster, machine, migrate)
    before = machine.instance_uid()
    powered_off(node)
    cluster.provider.power_on(node)
    wait_for(
        "another instance",
        lambda: machine.instance_uid() not in ("", before),
        seconds=600,
        seen=migration.story,
    )
    machine.wait_until_running()
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_intact(machine, "m")


@pytest.mark.alone
@pytest.mark.e2e
def test_a_node_that_is_gone_is_waited_for_until_somebody_accepts_the_loss(
    cluster, kube, machine, migrate, namespace, powered_off
):
    migration, node = copied_and_held(cluster, machine, migrate)
    before = machine.instance_uid()
    powered_off(node)
    stalled = migration.wait_for_condition("Stalled", seconds=300)
    assert stalled["reason"] == "NodeLost", migration.story()
    assert "bytes" in stalled["message"]
    kube.run("taint", "node", node, TAINT)
    wait_for(
        "KubeVirt to give the instance up",
        lambda: machine.instance().get("status", {}).get("phase") in (None, "Failed"),
        seconds=300,
        seen=machine.instance,
    )
    assert machine.claim() == machine.source
    assert machine.instance_uid() in ("", before), "the lock holds the next start back"
    kube.patch("volumemigrations", "m", namespace, {"spec": {"trust": "Source"}})
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "NodeLost"), migration.story()
    wait_for(
        "the VM to start elsewhere",
        lambda: machine.instance_uid() not in ("", before),
        seconds=300,
        seen=machine.instance,
    )
    machine.wait_until_running()
    assert machine.instance()["status"]["nodeName"] != node
    assert machine.instance_claim() == machine.source


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.parametrize("where", ["Claim", "SourceVolume"])
def test_with_the_overlay_on_a_volume_a_lost_node_loses_nothing(
    cluster, kube, machine, migrate, namespace, powered_off, where
):
    migration, node = copied_and_held(cluster, machine, migrate, where)
    before = machine.instance_uid()
    powered_off(node)
    stalled = migration.wait_for_condition("Stalled", seconds=300)
    assert stalled["reason"] == "NodeLost", migration.story()
    assert machine.claim() == machine.source
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    kube.run("taint", "node", node, TAINT)
    ended = migration.wait_for_end()
    assert ended["status"] == "True", migration.story()
    wait_for(
        "the VM to start elsewhere",
        lambda: machine.instance_uid() not in ("", before),
        seconds=300,
        seen=machine.instance,
    )
    machine.wait_until_running()
    assert machine.instance()["status"]["nodeName"] != node
    assert machine.instance_claim() == "m"
    assert_intact(machine, "m")
