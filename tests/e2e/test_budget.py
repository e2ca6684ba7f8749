"""An overlay near its limit: a cancel, or a guest that is slowed down for a while."""

import functools

import pytest

from harness.kube import wait_for
from robustness.faults.storage import FILL, FREE

SIZE = "256Mi"


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE, pause_us=2000)
    made.wait_until_running()
    made.wait_for_writes()
    return made


def told(kube, namespace):
    return {
        (event["involvedObject"]["kind"], event["reason"], event["type"])
        for event in kube.list("events", namespace)
    }


def claims(kube, namespace):
    return {claim["metadata"]["name"] for claim in kube.list("persistentvolumeclaims", namespace)}


def no_other(kube, namespace, disks):
    return claims(kube, namespace) <= disks


def wait_for_pressure(migration, reason):
    def look():
        return migration.condition("SourceFrozen").get("reason") == reason

    wait_for(f"the reason {reason}", look, seconds=240, every=0.3, seen=migration.story)


def wait_for_no_overlay(migration):
    """A cancel has ended when the guest is on the source: the file goes right after it."""

    def gone():
        return "overlay" not in migration.switch()["status"]["node"]

    wait_for("the overlay removed", gone, seconds=60, seen=migration.story)


@pytest.mark.e2e
def test_at_its_limit_detour_cancels_and_nothing_is_lost(
    cluster, kube, machines, migrate, namespace
):
    """Slow enough a guest for the warning before it to be seen."""
    machine = machines()
    machine.create(cluster.source_class, SIZE, pause_us=5000)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, overlay={"limit": "64Mi"}, hold=True)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "OverlayLimitReached"), (
        migration.story()
    )
    wait_for_no_overlay(migration)
    warned = {("VolumeMigration", reason, "Warning") for reason in ("OverlayNearLimit", "Failed")}
    assert warned <= told(kube, namespace)
    assert machine.claim() == machine.instance_claim() == machine.source
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_throttled_guest_is_moved_and_given_free(cluster, kube, machine, migrate, namespace):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    overlay = {"limit": "160Mi", "nearLimit": "Throttle"}
    migration = migrate("m", machine.name, destination, overlay=overlay, hold=True)
    wait_for_pressure(migration, "OverlayThrottled")
    migration.wait_for_condition("Copied")
    limit = migration.object()["status"]["overlay"]["limitBytes"]
    assert limit == 160 * 1024 * 1024
    machine.wait_for_writes(3)
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    ended = migration.wait_for_end()
    assert ended["status"] == "True", migration.story()
    assert ("VolumeMigration", "OverlayThrottled", "Warning") in told(kube, namespace)
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(machine.claim())
    assert verdict.passed, verdict.text


@pytest.mark.e2e
@pytest.mark.usefixtures("own_driver")
def test_on_a_full_volume_the_writes_are_taken_back_into_the_source(
    cluster, csi, kube, machine, migrate, namespace, on_node
):
    """Somebody else fills it at once; whether the guest pauses for a moment is chance."""
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    overlay = {"where": "Claim", "storageClassName": csi[0], "nearLimit": "Throttle"}
    migration = migrate("m", machine.name, destination, overlay=overlay, hold=True)
    migration.wait_for_condition("Copied")
    (claim,) = kube.list("persistentvolumeclaims", namespace, "detour.dev/component=overlay")
    node, volume = machine.instance()["status"]["nodeName"], claim["spec"]["volumeName"]
    assert on_node(node, "sh", "-uc", FILL, "sh", volume).strip() == "full"
    try:
        ended = migration.wait_for_end()
        assert (ended["status"], ended["reason"]) == ("False", "OverlayLimitReached"), (
            migration.story()
        )
        machine.wait_for_writes()
    finally:
        on_node(node, "sh", "-uc", FREE, "sh", volume)
    assert machine.claim() == machine.instance_claim() == machine.source
    machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text


@pytest.mark.e2e
@pytest.mark.parametrize("where", ["SourceVolume", "Claim"])
def test_an_overlay_on_a_volume_waits_there(cluster, kube, machine, migrate, namespace, where):
    """A move that is cancelled, and one that is not."""
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    disks = {machine.source, "back", "there"}
    for name, change, expected in (
        ("back", {"cancel": True}, ("False", "Cancelled")),
        ("there", {"hold": False}, ("True", "Succeeded")),
    ):
        migration = migrate(name, machine.name, destination, overlay={"where": where}, hold=True)
        migration.wait_for_condition("Copied")
        machine.wait_for_writes(50)
        kube.patch("volumemigrations", name, namespace, {"spec": change})
        ended = migration.wait_for_end()
        assert (ended["status"], ended["reason"]) == expected, migration.story()
        wait_for_no_overlay(migration)
        wait_for("the overlay's claim gone", functools.partial(no_other, kube, namespace, disks))
        machine.wait_for_writes(50)
    assert machine.claim() == "there"
    machine.stop()
    verdict = machine.verify("there")
    assert verdict.passed, verdict.text
