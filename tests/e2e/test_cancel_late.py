"""A cancel amid the merge and at the last moment before the switch, and one that comes too late.

Whatever the moment, the guest goes on and ends with all its writes on the source alone; or, once
the switch was ordered and was not refused by the node agent, on the destination alone.
"""

import contextlib
import dataclasses

import pytest

from harness import agents, halting, leftovers
from harness.kube import KubectlError, wait_for
from harness.slow_merge import BUSY_US, caught

pytestmark = pytest.mark.e2e

MIB = 1 << 20
SIZE = "256Mi"
DEVICE = 128 * MIB
TOO_LATE = "PastPointOfNoReturn"
THERE = {"L0", "L1", "L2", "L5", "L6", "L7", "L8", "L9"}
"""Rows of docs/states.md, to the merge."""
ON = {"L14", "L15", "L18", "L19", "L20"}
"""From a merge that is over to the destination."""
BACK = {"C1", "C3", "C4", "C6", "C7", "C9", "C10", "C11"}
"""From a merge that had begun: the source is at the path again, and the overlay goes back."""


def started(cluster, machines, **work):
    made = machines()
    made.create(cluster.source_class, SIZE, **work)
    made.wait_until_running()
    made.wait_for_writes()
    return made


@pytest.fixture
def machine(cluster, machines):
    return started(cluster, machines)


@pytest.fixture
def busy(cluster, machines):
    return started(cluster, machines, pause_us=BUSY_US)


@pytest.fixture
def to(cluster):
    return {"claimTemplate": {"storageClassName": cluster.destination_class}}


def patch(migration, **spec):
    where = ("volumemigrations", migration.name, migration.namespace)
    migration.kube.patch(*where, {"spec": spec})


def ask(migration, position):
    """Have the switch go to a position, past its migration."""
    where = ("attachmentswitches", migration.name, migration.namespace)
    migration.kube.patch(*where, {"spec": {"position": position}})


@dataclasses.dataclass(frozen=True)
class Before:
    """A VM before its move, which a cancel has to bring back."""

    instance: str
    spec: dict
    xml: str


def before(cluster, machine):
    return Before(machine.instance_uid(), machine.object()["spec"], cluster.domain_xml(machine))


def assert_back(cluster, machine, migration, was, reason):
    """It has ended on the source, with the guest that it began with, and nothing is left."""
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", reason), migration.story()
    assert before(cluster, machine) == was
    assert machine.instance_claim() == machine.source
    assert not machine.instance()["status"].get("migratedVolumes")
    if reason == "Cancelled":
        with pytest.raises(KubectlError, match="nothing follows the position Source"):
            ask(migration, "Destination")
    leftovers.assert_none(cluster, migration)
    rows = agents.rows(machine.kube, migration)
    assert rows >= THERE | BACK
    assert not rows & ON
    return rows


def wait_for_ready(migration, reason):
    """Until ``Ready`` answers a wish so."""

    def told():
        return migration.condition("Ready").get("reason") == reason

    wait_for(f"the reason {reason}", told, seen=migration.story)


def assert_intact(machine, claim, *, block=False):
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(claim, block=block)
    assert verdict.passed, verdict.text


def test_amid_the_merge(cluster, busy, migrate, to):
    """Rows C1 to C11 from L12: the mirror is under way, and the destination has a part of it."""
    was = before(cluster, busy)
    migration = caught(busy, migrate, to)
    patch(migration, cancel=True)
    rows = assert_back(cluster, busy, migration, was, "Cancelled")
    assert rows >= {"L12", "C2"}
    assert "L13" not in rows, "the merge was over"
    assert_intact(busy, busy.source)


def test_between_the_handover_of_the_instance_and_the_switch(cluster, kube, machine, migrate, to):
    """Rows C1 to C11 from L13: the last moment. The instance names the destination already."""
    was = before(cluster, machine)
    migration = migrate("m", machine.name, to, hold=True)
    migration.wait_for_condition("Copied")
    with halting.before(kube, migration, "Destination"):
        patch(migration, hold=False)
        halting.wait_for_state(migration, "Mirrored", "Instance")
        assert machine.instance_claim() == migration.name
        machine.wait_for_writes()
        patch(migration, cancel=True)
        rows = assert_back(cluster, machine, migration, was, "Cancelled")
    assert rows >= {"L13", "C2"}
    assert_intact(machine, machine.source)


def test_too_late_neither_a_cancel_nor_the_deletion_stops_it(kube, machine, migrate, to):
    """Rule R9: the guest is on the destination, and the VM not yet."""
    migration = migrate("m", machine.name, to, handover="WaitForDeclared")
    halting.wait_for_state(migration, "Destination", "Waiting")
    for wish, reason in (({"hold": True}, "HoldTooLate"), ({"cancel": True}, TOO_LATE)):
        patch(migration, **{"hold": False, **wish})
        wait_for_ready(migration, reason)
    with pytest.raises(KubectlError, match="cannot be cancelled any more"):
        ask(migration, "Source")
    kube.delete("volumemigrations", migration.name, migration.namespace, "--wait=false")
    machine.wait_for_writes()
    assert migration.condition("SourceReleased")["status"] == "True", migration.story()
    assert migration.switch()["status"]["compute"]["locked"] is True, migration.story()
    assert machine.instance_claim() == migration.name
    assert machine.claim() == machine.source
    halting.declare(machine, migration.name)
    wait_for("the move to end", lambda: not migration.object(), seconds=300, seen=migration.story)
    assert migration.switch() == {}
    assert agents.rows(kube, migration) >= THERE | ON
    assert machine.claim() == machine.instance_claim() == migration.name
    claim = kube.get("persistentvolumeclaims", migration.name, migration.namespace)
    assert not claim["metadata"].get("ownerReferences"), "it would go with its owner"
    assert_intact(machine, migration.name)


def test_a_destination_that_fails_after_the_handover(
    cluster, devices, kube, machines, migrate, on_node
):
    """Rows L10, L11 and L17, rule R4: before the switch is ordered Detour goes back by itself, and
    after it once the agent has promised never to switch."""
    node, (first, second) = cluster.nodes[0], devices.classes
    devices.make(node, first, DEVICE)
    machine = machines()
    machine.create(first, str(DEVICE), volume_mode="Block", node=node)
    machine.wait_until_running()
    machine.wait_for_writes()
    was = before(cluster, machine)
    to = {"claimTemplate": {"storageClassName": second}}
    for order, rows in (("Mirrored", {"L10"}), ("Destination", {"L11", "L17"})):
        volume = devices.make(node, second, DEVICE)
        migration = migrate(order.lower(), machine.name, to, hold=True)
        migration.wait_for_condition("Copied")
        with contextlib.ExitStack() as accident:
            halted = accident.enter_context(contextlib.ExitStack())
            halted.enter_context(halting.before(kube, migration, "Destination"))
            patch(migration, hold=False)
            halting.wait_for_state(migration, "Mirrored", "Instance")
            held = accident.enter_context(contextlib.ExitStack())
            held.enter_context(agents.held(on_node, node))
            accident.enter_context(devices.unwritable(node, volume))
            machine.wait_for_writes()
            if order == "Destination":
                halted.close()
            halting.wait_for_state(migration, order, "Instance")
            held.close()
            met = assert_back(cluster, machine, migration, was, "DestinationFailed")
        assert met >= rows
    assert_intact(machine, machine.source, block=True)
