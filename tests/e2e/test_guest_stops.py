"""The guest ends in the middle of a move: no write is lost, and it starts again by itself."""

import contextlib

import pytest

from harness import agents, attempts, halting, processes
from harness.facts import Facts
from harness.kube import wait_for
from harness.machine import Machine
from harness.slow_merge import BUSY_US, SLOWEST, Merge, caught

SIZE = "256Mi"
ANEW = ("stop", "restart", "a second instance", "deletion of the instance")
"""What would have the VM start anew, or not start by itself."""
UNLOGGED = 2000
"""Of what a guest was told right before the end of its pod some is in no log."""
BACK, FORWARD = {"D12", "D13"}, {"D9", "D11", "D14"}
"""Rows of docs/states.md: the overlay is merged into the source, or onto the destination."""


def started(cluster, machines, **options) -> Machine:
    made = machines()
    made.create(cluster.source_class, SIZE, **options)
    made.wait_until_running()
    made.wait_for_writes()
    return made


@pytest.fixture
def machine(cluster, machines) -> Machine:
    return started(cluster, machines)


@pytest.fixture
def busy(cluster, machines) -> Machine:
    return started(cluster, machines, pause_us=BUSY_US)


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


def assert_intact(machine, claim, *, slack=0):
    machine.stop()
    verdict = machine.verify(claim, slack=slack)
    assert verdict.passed, verdict.text


def starts(kube, machine):
    """What its owner may try with a VM that runs, and go on trying once its guest has ended."""
    tried = attempts.of_machine(kube, machine)
    by_request = attempts.of_stopped_machine(kube, machine)["start by request"]
    return {"start by request": by_request, **{what: tried[what] for what in ANEW}}


def assert_refused(migration, tried):
    for what, attempt in tried.items():
        told = attempts.refusal(attempt)
        assert f"AttachmentSwitch {migration.name} " in told, f"{what}: {told or 'admitted'}"


def crash(machine, on_node):
    """Kill QEMU; how many of the last writes may be in no log, as of each of these."""
    machine.crash()
    return 0


def shut_down(machine, on_node):
    """Have the guest end itself."""
    facts = Facts(machine.kube, machine)
    facts.virsh("shutdown", facts.domain)
    return 0


def kill_pod(machine, on_node):
    """Kill all that runs in the launcher pod, whose deletion the lock refuses."""
    pod = machine.launcher()
    on_node(pod["spec"]["nodeName"], *processes.of_containers(pod, "KILL"))
    return UNLOGGED


def end_for_good(kube, machine, migration, end, on_node):
    """Have the guest end while the agent of its node is held: nobody may start the VM anew.

    Neither may its owner stop it before.
    """
    before, tried = machine.instance_uid(), starts(kube, machine)
    assert_refused(migration, tried)
    slack = end(machine, on_node)
    wait_for(
        "KubeVirt to see the end",
        lambda: machine.instance()["status"]["phase"] in ("Failed", "Succeeded"),
        seen=machine.instance,
    )
    assert_refused(migration, tried)
    assert machine.instance_uid() == before
    return slack


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
    before, tried = machine.instance_uid(), starts(kube, machine)
    machine.crash()
    wait_until_gone(migration)
    assert_refused(migration, tried)
    assert machine.instance_uid() == before
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
    machine = started(cluster, machines, run_strategy="RerunOnFailure")
    migration = migrate("m", machine.name, destination(cluster), hold=True, whenStopped="Finish")
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    before, tried = machine.instance_uid(), starts(kube, machine)
    tried["start"] = attempts.of_stopped_machine(kube, machine)["start"]
    facts = Facts(kube, machine)
    facts.virsh("shutdown", facts.domain)
    wait_until_gone(migration)
    assert_refused(migration, tried)
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


@contextlib.contextmanager
def amid_the_start(kube, machine, migrate, to, on_node):
    """A move whose agent was given its first order, and does nothing of it in the block."""
    node = machine.instance()["status"]["nodeName"]
    with contextlib.ExitStack() as halted:
        with agents.held(on_node, node):
            migration = migrate("m", machine.name, to)
            wait_for("the switch", migration.switch, seen=migration.story)
            halted.enter_context(halting.before(kube, migration, "Overlay"))
        migration.wait_for_condition("Locked")
        with agents.held(on_node, node):
            halted.close()
            halting.wait_for_state(migration, "Overlay", "Pending")
            yield migration


@pytest.mark.e2e
@pytest.mark.parametrize("end", [crash, kill_pod])
def test_one_that_ends_amid_the_start_starts_by_itself_and_is_moved_then(
    cluster, kube, machine, migrate, on_node, end
):
    before, to = machine.instance_uid(), destination(cluster)
    with amid_the_start(kube, machine, migrate, to, on_node) as migration:
        first = migration.switch()["metadata"]["uid"]
        slack = end_for_good(kube, machine, migration, end, on_node)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert migration.switch()["metadata"]["uid"] != first
    assert "D3" in agents.rows(kube, migration)
    assert_started_by_itself(machine, before, migration)
    assert machine.claim() == machine.instance_claim() == "m"
    assert_intact(machine, "m", slack=slack)


@pytest.mark.e2e
@pytest.mark.parametrize("end", [crash, shut_down])
def test_one_that_ends_amid_the_merge_is_on_the_destination(
    cluster, kube, busy, migrate, on_node, end
):
    """The mirror has a part of it, and ends with QEMU; the overlay has all."""
    before, node = busy.instance_uid(), busy.instance()["status"]["nodeName"]
    migration = caught(busy, migrate, destination(cluster))
    with agents.held(on_node, node):
        assert Merge(busy).left()
        slack = end_for_good(kube, busy, migration, end, on_node)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    rows = agents.rows(kube, migration)
    assert rows >= {"L12", *FORWARD}
    assert "L13" not in rows, "the merge was over"
    assert_started_by_itself(busy, before, migration)
    assert busy.claim() == busy.instance_claim() == migration.name
    assert_intact(busy, migration.name, slack=slack)


@pytest.mark.e2e
@pytest.mark.parametrize("end", [crash, kill_pod])
def test_one_that_ends_amid_the_merge_of_a_cancel_is_on_the_source(accident, kube, on_node, end):
    """The source has a part of it by then, and the overlay all."""
    machine, migration = accident.machine, accident.migration
    with accident.agent_held():
        accident.journal(stage="cancel")
        accident.block("blockcommit", "--active", "--bytes", "--bandwidth", str(SLOWEST))
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.wait_for_row("C5")
    with accident.agent_held():
        assert Merge(machine).left()
        slack = end_for_good(kube, machine, migration, end, on_node)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "Cancelled"), migration.story()
    rows = agents.rows(kube, migration)
    assert "D12" in rows
    assert "C6" not in rows, "the merge was over"
    assert_started_by_itself(machine, accident.before, migration)
    assert machine.claim() == machine.instance_claim() == machine.source
    assert_intact(machine, machine.source, slack=slack)


@pytest.mark.e2e
@pytest.mark.parametrize("stage", ["SourceFrozen", "SourceReleased"])
def test_killed_once_the_source_is_frozen_or_released_it_ends_on_the_destination(
    cluster, machine, migrate, stage
):
    migration = migrate("m", machine.name, destination(cluster))
    migration.wait_for_condition(stage)
    before = machine.instance_uid()
    machine.crash()
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_started_by_itself(machine, before, migration)
    assert machine.claim() == machine.instance_claim() == "m"
    assert_intact(machine, "m")
