"""While a disk moves, nobody else may move, stop, change or copy its VM; afterwards all may."""

from functools import partial

import pytest

from guest import manifest
from harness import attempts, halting
from harness.attempts import evict, live_migration
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"
DRY = "--dry-run=server"


def start(machine, storage_class):
    """Run it with a second disk, and as one whose memory was dumped once."""
    kube, claim = machine.kube, f"{machine.name}-second"
    kube.apply(manifest.claim(claim, machine.namespace, storage_class, SIZE))
    machine.create(storage_class, SIZE, more={"second": (claim, {"disk": {"bus": "virtio"}})})
    machine.wait_until_running()
    where = ("virtualmachines", machine.name, machine.namespace)
    kube.patch(*where, {"status": attempts.DUMPED}, "--subresource=status")


def once_held(migration):
    """What the compute side has noted; a destination that the storage made is held by then too."""

    def held():
        found = migration.switch()["status"]["compute"]
        return found if found.get("holderPod") else None

    return wait_for("the destination to be held", held, seen=migration.story)


@pytest.mark.e2e
def test_what_would_lose_writes_is_denied_and_nothing_else_is(
    cluster, kube, machines, migrate, namespace
):
    by_driver = cluster.provider.classes.csi
    first, second = by_driver or (cluster.source_class, cluster.destination_class)
    machine, other = machines(), machines("other")
    start(machine, first)
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": second}}
    migration = migrate("held", machine.name, destination, hold=True, overlay={"where": "Claim"})
    migration.wait_for_condition("Copied")
    start(other, first)
    compute = once_held(migration)

    def of_claims(*claims):
        found = {}
        for claim in claims:
            found |= attempts.of_claim(kube, namespace, claim)
            if by_driver:
                found |= attempts.of_claim_by_driver(kube, namespace, claim)
        return found

    def everything(*claims):
        return attempts.of_machine(kube, machine) | of_claims(*claims)

    claims = (machine.source, migration.name)
    for what, attempt in everything(*claims, compute["overlayClaim"]["name"]).items():
        told = attempts.refusal(attempt)
        assert f"AttachmentSwitch {migration.name} " in told, f"{what}: {told or 'admitted'}"
        assert "spec.cancel" in told, f"{what}: does not say what to do: {told}"
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
    for what, attempt in everything(*claims).items():
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
    """Asked for over and over during a cancel and a whole move: never admitted under the lock."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    attempt = partial(kube.create, live_migration(machine))

    def ask(migration):
        """The order and the handover at which it was denied; none if it was not locked."""
        before = migration.switch()["status"]["compute"]
        told = attempts.refusal(attempt, DRY)
        after = migration.switch()["status"]["compute"]
        if f"AttachmentSwitch {migration.name} " not in told:
            # Without the lock KubeVirt may refuse it in words of its own.
            assert not after.get("locked"), f"{told or 'admitted'}: {before} {after}"
            return None
        stages = [(now.get("order", ""), now.get("handover")) for now in (before, after)]
        return stages[0] if stages[0] == stages[1] else None

    def wait_until_denied_at(migration, *stage):
        wait_for(
            f"a denial at {stage}",
            lambda: ask(migration) == stage,
            seconds=300,
            every=0.05,
            seen=migration.story,
        )

    def end_of(migration):
        def ended():
            ask(migration)
            return migration.condition("Succeeded").get("status") in ("True", "False")

        wait_for("the move to end", ended, seconds=300, every=0.05, seen=migration.story)
        return migration.condition("Succeeded")

    def patch(migration, **spec):
        kube.patch("volumemigrations", migration.name, namespace, {"spec": spec})

    back = migrate("back", machine.name, destination, hold=True)
    back.wait_for_condition("Locked")
    wait_until_denied_at(back, "Overlay", "Pending")
    back.wait_for_condition("Copied")
    with halting.before(kube, back, "Destination"):
        patch(back, hold=False)
        wait_until_denied_at(back, "Mirrored", "Instance")
        with halting.before_the_unlock(kube, back):
            patch(back, cancel=True)
            wait_until_denied_at(back, "Source", "Pending")
    assert end_of(back)["reason"] == "Cancelled", back.story()

    move = migrate("move", machine.name, destination, handover="WaitForDeclared")
    move.wait_for_condition("Locked")
    wait_until_denied_at(move, "Destination", "Waiting")
    halting.declare(machine, "move")
    assert end_of(move)["status"] == "True", move.story()
