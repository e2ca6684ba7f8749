"""While a disk moves, nobody else may move, stop, change or copy its VM; afterwards all may."""

import pytest

from harness import attempts, halting
from harness.attempts import evict, live_migration
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"
DRY = "--dry-run=server"


@pytest.mark.e2e
def test_what_would_lose_writes_is_denied_and_nothing_else_is(
    cluster, kube, held, machines, namespace
):
    by_driver = cluster.provider.classes.csi
    first, second = by_driver or (cluster.source_class, cluster.destination_class)
    machine, migration = held(storage_class=first, destination_class=second)
    other = machines("other")
    other.create(first, SIZE)
    other.wait_until_running()

    def of_claims(*claims):
        found = {}
        for claim in claims:
            found |= attempts.of_claim(kube, namespace, claim)
            if by_driver:
                found |= attempts.of_claim_by_driver(kube, namespace, claim)
        return found

    def everything():
        claims = of_claims(machine.source, migration.name)
        return attempts.of_machine(kube, machine) | claims

    for what, attempt in everything().items():
        told = attempts.refusal(attempt)
        assert f"AttachmentSwitch {migration.name} " in told, f"{what}: {told or 'admitted'}"
        assert "spec.cancel" in told, f"{what}: does not say what to do: {told}"
    compute = migration.switch()["status"]["compute"]
    remove = ["delete", "-n", namespace, "--wait=false"]
    for kind, name in (
        ("pod", compute["holderPod"]["name"]),
        ("poddisruptionbudget", f"detour-{migration.name}"),
    ):
        with pytest.raises(KubectlError, match=f"AttachmentSwitch {migration.name}"):
            kube.run(*remove, kind, name)
    for pod in ("launcherPod", "holderPod"):
        with pytest.raises(KubectlError, match=r"(?i)cannot evict"):
            evict(kube, compute[pod]["name"], namespace)

    others = attempts.of_machine(kube, other) | of_claims(other.source)
    for what, attempt in others.items():
        told = attempts.refusal(attempt, DRY)
        assert "policy" not in told.lower(), f"{what}: {told}"
    other.stop()

    machine.wait_for_writes()
    assert machine.instance()["status"]["phase"] == "Running"
    kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert kube.get("poddisruptionbudgets", f"detour-{migration.name}", namespace) is None
    for what, attempt in everything().items():
        told = attempts.refusal(attempt, DRY)
        assert "policy" not in told.lower(), f"{what}: {told}"
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(migration.name)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_second_move_of_the_same_disk_waits_for_the_first(
    cluster, kube, held, migrate, namespace
):
    machine, migration = held()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    second = migrate("second", machine.name, destination)
    accepted = second.wait_for_condition("Accepted", "False")
    assert accepted["reason"] == "VirtualMachineBusy"
    assert migration.name in accepted["message"]
    spec = {"virtualMachine": {"name": machine.name}, "volume": "data"}
    kube.create(
        {
            "apiVersion": "detour.dev/v1alpha1",
            "kind": "AttachmentSwitch",
            "metadata": {"name": "third", "namespace": namespace},
            "spec": spec,
        }
    )

    def refused():
        found = kube.get("attachmentswitches", "third", namespace) or {}
        conditions = found.get("status", {}).get("conditions", [])
        return [item["reason"] for item in conditions if item["type"] == "Accepted"]

    wait_for("a reason", lambda: refused() == ["VirtualMachineBusy"], seen=refused)
    kube.delete("attachmentswitches", "third", namespace)
    kube.delete("volumemigrations", "second", namespace)
    machine.wait_for_writes()


@pytest.mark.e2e
def test_live_migration_is_denied_at_every_stage(cluster, kube, machines, migrate, namespace):
    """Asked for over and over during a whole move: never admitted between lock and unlock."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    spec = {"hold": True, "handover": "WaitForDeclared"}
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("move", machine.name, destination, **spec)
    migration.wait_for_condition("Locked")
    denied = set()

    def ask():
        before = migration.switch()["status"]["compute"]
        try:
            kube.create(live_migration(machine), DRY)
        except KubectlError as error:
            assert "move" in error.message
            after = migration.switch()["status"]["compute"]
            if before.get("order") == after.get("order"):
                denied.add((before.get("order", ""), before.get("handover")))
        else:
            after = migration.switch()["status"]["compute"]
            assert not after.get("locked"), f"admitted while locked: {before} {after}"

    def denied_at(*state):
        ask()
        return state in denied

    def wait_until_denied_at(*state):
        wait_for(
            f"a denial at {state}",
            lambda: denied_at(*state),
            seconds=300,
            every=0.05,
            seen=lambda: (denied, migration.story()),
        )

    def ended():
        ask()
        return migration.condition("Succeeded").get("status") == "True"

    wait_until_denied_at("Overlay", "Pending")
    migration.wait_for_condition("Copied")
    with halting.before(kube, migration, "Destination"):
        kube.patch("volumemigrations", "move", namespace, {"spec": {"hold": False}})
        wait_until_denied_at("Mirrored", "Instance")
    wait_until_denied_at("Destination", "Waiting")
    halting.declare(machine, "move")
    wait_for("the move to end", ended, seconds=300, every=0.05, seen=migration.story)
