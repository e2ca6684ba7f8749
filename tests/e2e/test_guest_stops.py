"""The guest ends in the middle of a move: no write is lost, and it starts again by itself."""

import pytest

from harness import agents
from harness.facts import Facts
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


def assert_overlay_of(migration, uid):
    """Rule R14: its file is called after the switch and the attempt, and is no other's."""
    name = migration.switch()["status"]["node"]["overlay"]["name"]
    assert name.startswith(f"overlay-{uid[:8]}-1-"), name


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
    assert_overlay_of(migration, first)
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
    assert_overlay_of(migration, migration.switch()["metadata"]["uid"])
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
def test_one_that_shuts_itself_down_amid_a_move_stays_down_until_it_is_started(
    cluster, kube, machines, migrate, namespace
):
    """KubeVirt keeps the ended instance, and makes another one only when somebody asks for it."""
    machine = machines()
    machine.create(cluster.source_class, SIZE, run_strategy="RerunOnFailure")
    machine.wait_until_running()
    machine.wait_for_writes()
    migration = migrate("m", machine.name, destination(cluster), hold=True, whenStopped="Finish")
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    before, facts = machine.instance_uid(), Facts(kube, machine)
    facts.virsh("shutdown", facts.domain)
    wait_until_gone(migration)
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.instance_uid() == before
    assert machine.instance()["status"]["phase"] == "Succeeded"
    assert machine.claim() == "m"
    assert not migration.switch()["status"]["compute"].get("locked")
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
    machine.start()
    assert machine.instance_claim() == "m"
    assert_intact(machine, "m")


@pytest.mark.e2e
def test_one_that_ends_amid_a_cancel_is_on_the_source(accident):
    """The cancel is ordered, and nothing of it done, when QEMU is killed."""
    with accident.agent_held():
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
        accident.crash()
    accident.assert_goes_on(accident.machine.source, "False")
    assert agents.rows(accident.kube, accident.migration) >= BACK


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
