"""No stage lasts for ever: what does not get on is given up, and the guest goes on as before.

The chart's limits are shortened where something is held up; what goes on by itself need not keep
to a time that the machine may not be fast enough for.
"""

import pytest

from detour_crds import names
from harness import agents, install, leftovers, processes, refusing, slow_copy
from harness.kube import wait_for

SECONDS = 30
"""The least that the chart takes."""
SIZE = "128Mi"
WORDS = "its instances are final"
INSTANCES = "virtualmachineinstances.kubevirt.io"
REASONS = {
    "undiverted": "FreezingTimedOut",
    "unmerged": "MergingTimedOut",
    "unhanded": "HandoverTimedOut",
}


@pytest.fixture
def within(cluster):
    """Has the operator give some stages up soon; the others keep their limits."""

    def shorten(*stages):
        install.detour(cluster, *(f"limits.{stage}Seconds={SECONDS}" for stage in stages))

    yield shorten
    install.detour(cluster)


@pytest.fixture
def unbound(kube, namespace):
    """A class whose claims wait for a volume that somebody makes, which the call does."""
    kube.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": namespace},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )

    def bind(claim):
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": namespace},
                "spec": {
                    "storageClassName": namespace,
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "claimRef": {"namespace": namespace, "name": claim},
                    "hostPath": {"path": f"/var/tmp/{namespace}", "type": "DirectoryOrCreate"},
                },
            }
        )

    yield bind
    refusing.take_off(kube, namespace)
    for kind in ("persistentvolume", "storageclass"):
        kube.run("delete", kind, namespace, "--ignore-not-found", "--wait=false")


def assert_given_up(cluster, machine, migration, reason, *, begun=True):
    """It has ended for that reason, and the guest that it began with is on the source alone.

    ``begun``: the node agent has a record of it.
    """
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", reason), migration.story()
    assert machine.claim() == machine.instance_claim() == machine.source
    assert not migration.switch()["status"]["compute"].get("locked")
    if begun:
        leftovers.assert_none(cluster, migration)
    else:
        wait_for("nothing to be left", lambda: not leftovers.in_api(cluster.kube, migration))
    machine.wait_for_writes()


def wait_for_order(migration, order):
    def given():
        return migration.switch()["status"].get("compute", {}).get("order") == order

    wait_for(f"the order {order}", given, every=0.2, seen=migration.story)


def wait_for_holder(kube, migration):
    of_it = f"detour.dev/component=holder,{names.SWITCH_LABEL}={migration.name}"

    def made():
        return kube.list("pods", migration.namespace, of_it)

    wait_for("the pod that is to hold the destination", made, seen=migration.story)


def stop_the_copier(cluster, migration):
    """Once it has said how far it is: one that is not heard at all is waited for longer."""
    selector = "detour.dev/component=copier"

    def begun():
        done = migration.object().get("status", {}).get("progress", {}).get("bytesDone")
        return cluster.kube.list("pods", migration.namespace, selector) if done else []

    for pod in wait_for("a copy that gets on", begun, every=0.2, seen=migration.story):
        processes.send(cluster.provider, pod, "STOP", check=False)


@pytest.mark.alone
@pytest.mark.e2e
def test_each_that_does_not_get_on_is_given_up(
    cluster, kube, machines, migrate, namespace, on_node, within, unbound
):
    """Three guests, in whose way something is, each at another stage; none of them stops."""
    if len(cluster.nodes) < 2:
        pytest.skip("needs two nodes: the agent of one is held while that of the other works")
    near, far = cluster.nodes[:2]
    nodes = {"undiverted": far, "unmerged": far, "unhanded": near}
    guests = {name: machines(f"vm-{name}") for name in nodes}
    for name, machine in guests.items():
        machine.create(cluster.source_class, SIZE, node=nodes[name])
    for machine in guests.values():
        machine.wait_until_running()
        machine.wait_for_writes()
    before = {name: machine.instance_uid() for name, machine in guests.items()}
    nowhere = {"claimTemplate": {"storageClassName": namespace}}
    there = {"claimTemplate": {"storageClassName": cluster.destination_class}}

    within("freezing", "merging")
    kube.apply(*_nobody_hands_over(namespace))
    moves = {
        "undiverted": migrate("undiverted", guests["undiverted"].name, nowhere),
        "unmerged": migrate("unmerged", guests["unmerged"].name, there, hold=True),
        "unhanded": migrate("unhanded", guests["unhanded"].name, there),
    }
    wait_for_holder(kube, moves["undiverted"])
    moves["unmerged"].wait_for_condition("Copied")
    with agents.killed(on_node, far):
        unbound("undiverted")
        let_go(kube, moves["unmerged"])
        told = moves["unhanded"].story
        wait_for("the policy's words to be told", lambda: WORDS in told(), every=0.2, seen=told)
        wait_for_order(moves["undiverted"], "Source")
        wait_for_order(moves["unmerged"], "Source")
    for name, reason in REASONS.items():
        assert_given_up(cluster, guests[name], moves[name], reason)
    assert "L2" not in agents.rows(kube, moves["undiverted"]), "the order that came first counts"
    refusing.take_off(kube, namespace)

    within("copying", "externalCopy")
    external = migrate("external", guests["undiverted"].name, there, copy={"method": "External"})
    slow = {"method": "HostAssisted", "bandwidthLimit": slow_copy.limit(guests["unmerged"])}
    stuck = migrate("stuck", guests["unmerged"].name, there, copy=slow)
    stop_the_copier(cluster, stuck)
    for name, move, word in (
        ("undiverted", external, "ExternalCopyTimedOut"),
        ("unmerged", stuck, "CopyStuck"),
    ):
        assert_given_up(cluster, guests[name], move, "CopyFailed")
        assert word in move.condition("Succeeded")["message"], move.story()

    within("preparing")
    unscheduled = migrate("unscheduled", guests["unhanded"].name, nowhere)
    assert_given_up(cluster, guests["unhanded"], unscheduled, "PreparingTimedOut", begun=False)

    for name, machine in guests.items():
        assert machine.instance_uid() == before[name]
        machine.stop()
        verdict = machine.verify(machine.source)
        assert verdict.passed, f"{name}: {verdict.text}"


def let_go(kube, migration):
    kube.patch("volumemigrations", migration.name, migration.namespace, {"spec": {"hold": False}})


def _nobody_hands_over(namespace):
    kept = (
        "!object.spec.volumes.exists(one,"
        " one.?persistentVolumeClaim.?claimName.orValue('') == 'unhanded')"
    )
    return refusing.policy(namespace, namespace, INSTANCES, kept, WORDS)
