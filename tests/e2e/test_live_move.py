"""A live move, from beginning to end: nothing acknowledged is lost, and nothing is left behind."""

import datetime

import pytest

from harness import metrics, moved
from harness.kube import wait_for

SIZE = "256Mi"
SIZE_BYTES = 256 << 20
WHERE = [(0, None), (0, "sid"), (1, None), (1, "sid")]
"""Node, and the launcher if one can be chosen and not KubeVirt's own choice is meant."""
BUSY_US = 2000
"""The guest's rest between two operations, a twelfth of other tests'."""


def move(machine, migrate, name, storage_class):
    """Move the VM's disk while it writes; the migration, once it has succeeded."""
    migration = migrate(name, machine.name, {"claimTemplate": {"storageClassName": storage_class}})
    ended = migration.wait_for_end()
    assert ended["status"] == "True", migration.story()
    return migration


def events(kube, namespace, migration):
    """The events of a migration."""
    listed = kube.list("events", namespace)
    about = ("VolumeMigration", migration)
    return [
        event
        for event in listed
        if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == about
    ]


def assert_measured(kube, node, switch):
    """Prometheus hears of a move with an overlay: from the leader, and from the node's agent."""

    def ended():
        told = metrics.of_leader(kube)
        name = "detour_operator_migrations_ended_total"
        return told if metrics.total(told, name, phase="Succeeded", reason="Succeeded") else None

    told = wait_for("the end to be counted, just after it was written", ended, seconds=60)
    for stage in ("freeze", "copy", "merge", "switch", "finish"):
        name = "detour_operator_stage_duration_seconds_count"
        assert metrics.total(told, name, stage=stage), stage
    for call in ("start", "pivot"):
        assert metrics.total(told, "detour_operator_guest_pause_seconds_count", call=call), call
    assert metrics.total(told, "detour_operator_copied_bytes_total") >= SIZE_BYTES
    assert metrics.total(told, "detour_operator_merged_bytes_total")
    assert metrics.total(told, "detour_operator_passes_total", result="Done")
    assert metrics.total(told, "detour_operator_api_requests_total", method="PATCH", code="200")

    def at_rest():
        """The series of the switch are gone: it is gone from what the agent works on."""
        found = metrics.of_agent(kube, node)
        return found if not any(item.labels.get("switch") == switch for item in found) else None

    told = wait_for(f"the agent to be done with {switch}", at_rest, seconds=60)
    assert metrics.total(told, "detour_agent_passes_total", result="Done")
    assert metrics.total(told, "detour_agent_reports_total", result="Written")
    assert not metrics.total(told, "detour_agent_passes_total", result="Unexpected")


def on_overlay(migration):
    """From when until when the guest wrote to the overlay, by the switch's own conditions."""
    conditions = {item["type"]: item for item in migration.switch()["status"]["conditions"]}
    found = [conditions["SourceFrozen"], conditions["SourceReleased"]]
    assert [item["status"] for item in found] == ["True", "True"], migration.story()
    return [datetime.datetime.fromisoformat(item["lastTransitionTime"]) for item in found]


def assert_intact(machine, claim):
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("node", "launcher"), WHERE, ids=[f"node{n}-{name or 'default'}" for n, name in WHERE]
)
def test_disk_moves_there_and_back_while_the_guest_writes(
    cluster, kube, machines, migrate, namespace, node, launcher
):
    if node >= len(cluster.nodes):
        pytest.skip("needs a second node")
    machine = machines()
    where = cluster.nodes[node]
    chosen = launcher if launcher in cluster.launchers else None
    machine.create(cluster.source_class, SIZE, node=where, launcher=chosen, pause_us=BUSY_US)
    machine.wait_until_running()
    machine.wait_for_writes()
    before = moved.before(cluster, machine)

    migration = move(machine, migrate, "there", cluster.destination_class)

    assert moved.faults(cluster, machine, migration, before) == []
    assert_measured(kube, where, f"{namespace}/there")
    told = [event["reason"] for event in events(kube, namespace, "there")]
    assert set(told) >= {"SourceFrozen", "Copied", "SourceReleased", "Succeeded"}
    assert len(told) == len(set(told)), "events tell of transitions, once each"
    machine.wait_for_writes()

    machine.stop()
    assert_intact(machine, "there")
    assert not machine.verify(machine.source).passed, "the frozen source must look like loss"
    machine.start()
    assert machine.instance_claim() == "there"

    move(machine, migrate, "back", cluster.source_class)
    machine.wait_for_writes()
    machine.stop()
    assert_intact(machine, "back")


@pytest.mark.e2e
def test_disk_moves_back_onto_its_old_claim(cluster, machines, migrate):
    """The old claim is full of stale data, and is refused but for the field that gives it up."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    move(machine, migrate, "there", cluster.destination_class)
    machine.wait_for_writes()
    onto = {"claimName": machine.source, "overwrite": True}
    back = migrate("back", machine.name, onto)
    waiting = back.wait_for_condition("Accepted", "False")
    assert waiting["reason"] == "DestinationInUse", "the launcher pod still has the old claim"
    machine.stop()
    machine.start()
    assert back.wait_for_end()["status"] == "True", back.story()
    machine.wait_for_writes()
    machine.stop()
    assert_intact(machine, machine.source)


@pytest.mark.e2e
def test_two_machines_of_one_node_move_at_once(cluster, kube, machines, migrate, namespace):
    both = [machines("one"), machines("two")]
    for machine in both:
        machine.create(cluster.source_class, SIZE, node=cluster.nodes[0], pause_us=BUSY_US)
    for machine in both:
        machine.wait_until_running()
        machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    moves = [
        migrate(f"{machine.name}-moves", machine.name, destination, hold=True) for machine in both
    ]
    for migration in moves:
        migration.wait_for_condition("Copied")
    for migration in moves:
        kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    for migration in moves:
        assert migration.wait_for_end()["status"] == "True", migration.story()
    begun, ended = zip(*(on_overlay(migration) for migration in moves), strict=True)
    assert max(begun) <= min(ended), "each guest was on its overlay while the other one was"
    for machine in both:
        machine.wait_for_writes()
        machine.stop()
        assert_intact(machine, f"{machine.name}-moves")
