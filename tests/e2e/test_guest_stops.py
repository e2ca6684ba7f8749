"""The guest ends in the middle of a move: no write is lost, and it starts again by itself."""

import pytest

from harness import agents
from harness.kube import wait_for
from harness.machine import Machine

SIZE = "256Mi"
MERGING = ("Merging", "Switching", "CleaningUp", "Succeeded")
"""Or what comes after it: a small merge is soon over."""
BACK, FORWARD = {"D12", "D13"}, {"D9", "D11", "D14"}
"""Rows of docs/states.md: the overlay is merged into the source, or onto the destination."""


@pytest.fixture
def machine(cluster, machines) -> Machine:
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    return made


def destination(cluster):
    return {"claimTemplate": {"storageClassName": cluster.destination_class}}


def assert_started_by_itself(machine, before, migration):
    """KubeVirt makes another instance as soon as the lock is off."""
    wait_for(
        "another instance",
        lambda: machine.instance_uid() not in ("", before),
        seconds=300,
        seen=migration.story,
    )
    machine.wait_until_running()
    machine.wait_for_writes(50)


def assert_intact(machine, claim):
    machine.stop()
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


def wait_until_gone(migration):
    """Until the node agent has said that QEMU is gone."""
    wait_for(
        "the end of QEMU to be seen",
        lambda: migration.switch().get("status", {}).get("node", {}).get("qemu") == "Gone",
        seconds=120,
        seen=migration.story,
    )


@pytest.mark.e2e
def test_while_it_waits_the_writes_go_back_and_the_move_starts_again(
    cluster, kube, machine, migrate, namespace
):
    migration = migrate("m", machine.name, destination(cluster), hold=True)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    first, before = migration.switch()["metadata"]["uid"], machine.instance_uid()
    machine.crash()
    assert_started_by_itself(machine, before, migration)
    assert machine.instance_claim() == machine.source
    assert agents.rows(kube, migration) >= BACK
    wait_for(
        "the second try to be copied",
        lambda: (
            migration.switch().get("metadata", {}).get("uid") not in (None, first)
            and migration.phase() == "Holding"
        ),
        seconds=300,
        seen=migration.story,
    )
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.claim() == "m"
    assert_intact(machine, "m")


@pytest.mark.e2e
@pytest.mark.parametrize("where", ["NodeLocal", "Claim"])
def test_finish_keeps_it_down_until_the_destination_has_everything(
    cluster, kube, machine, migrate, namespace, where
):
    spec = {"hold": True, "whenStopped": "Finish", "overlay": {"where": where}}
    migration = migrate("m", machine.name, destination(cluster), **spec)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    before = machine.instance_uid()
    machine.crash()
    wait_until_gone(migration)
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert agents.rows(kube, migration) >= FORWARD
    assert_started_by_itself(machine, before, migration)
    assert machine.instance_claim() == "m"
    assert_intact(machine, "m")


@pytest.mark.e2e
def test_cancel_ends_on_the_source(cluster, kube, machine, migrate):
    spec = {"hold": True, "whenStopped": "Cancel"}
    migration = migrate("m", machine.name, destination(cluster), **spec)
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    before = machine.instance_uid()
    machine.crash()
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "GuestStopped"), migration.story()
    assert agents.rows(kube, migration) >= BACK
    assert_started_by_itself(machine, before, migration)
    assert machine.instance_claim() == machine.source
    assert_intact(machine, machine.source)


@pytest.mark.e2e
@pytest.mark.parametrize("stage", ["Locked", "SourceFrozen", "Merging", "SourceReleased"])
def test_killed_at_any_stage_it_ends_on_the_destination(cluster, machine, migrate, stage):
    migration = migrate("m", machine.name, destination(cluster))
    if stage == "Merging":
        wait_for("the merge", lambda: migration.phase() in MERGING, seconds=300, every=0.1)
    else:
        migration.wait_for_condition(stage)
    before = machine.instance_uid()
    machine.crash()
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_started_by_itself(machine, before, migration)
    assert machine.claim() == machine.instance_claim() == "m"
    assert_intact(machine, "m")
