"""What virt-handler makes of a domain: KubeVirt facts 1, 3, 6.4, 7 and 11."""

import pytest

from kubevirt.controller.volumes import claim_info
from kubevirt.handler import rules
from kubevirt.handler.migration import hand_over
from kubevirt.objects import condition, has_condition
from unit.kubevirt.builders import claim, volume
from unit.kubevirt.builders import vmi as a_vmi


@pytest.mark.parametrize(
    ("node", "phase", "lives"),
    [("node", "Running", True), ("node", "Failed", False), ("another", "Running", False)],
)
def test_a_launcher_lives_on_its_node(node, phase, lives):
    pod = {"spec": {"nodeName": node}, "status": {"phase": phase}}
    assert rules.has_launcher([pod], "node") is lives
    assert not rules.has_launcher([], "node")


@pytest.mark.parametrize(
    ("current", "state", "reason", "after"),
    [
        ("Scheduled", "Running", "Unknown", "Running"),
        ("Scheduled", "", "", "Scheduled"),
        ("Running", "Shutoff", "Shutdown", "Succeeded"),
        ("Running", "Shutoff", "Destroyed", "Failed"),
        ("Running", "Shutoff", "Crashed", "Failed"),
        ("Running", "Crashed", "Panicked", "Failed"),
        ("Running", "Shutoff", "Migrated", "Running"),
        ("Running", "", "", "Failed"),
        ("Failed", "Running", "Unknown", "Failed"),
    ],
)
def test_phases(current, state, reason, after):
    assert rules.phase(current, state, reason) == after


def domain(state="Running", reason="Unknown", source="/x"):
    disks = [{"volume": "root", "target": "vda", "source": source}]
    return {"state": state, "reason": reason, "disks": disks}


def with_claim(mode="ReadWriteOnce", **status):
    entry = {"name": "root", "persistentVolumeClaimInfo": claim_info(claim("src", mode))}
    return a_vmi(volumeStatus=[entry], **status)


def test_the_target_is_empty_while_the_source_is_neither_file_nor_device():
    assert rules.updated(with_claim(), domain())["status"]["volumeStatus"][0]["target"] == "vda"
    network = rules.updated(with_claim(), domain(source=""))
    assert network["status"]["volumeStatus"][0]["target"] == ""


def test_an_io_error_is_told_and_taken_back():
    paused = rules.updated(with_claim(), domain("Paused", "IOError"))
    assert condition(paused, "Paused")["reason"] == "PausedIOError"
    assert condition(rules.updated(paused, domain()), "Paused") is None


def test_an_io_error_is_told_once_with_its_disk():
    paused = domain("Paused", "IOError") | {"diskErrors": {"vda": 2}}
    before = with_claim()
    after = rules.updated(before, paused)
    message = rules.io_error_message(before, after, paused)
    assert message == "VM Paused due to not enough space on volume: vda"
    assert rules.io_error_message(after, after, paused) == ""
    paused["diskErrors"] = {"vda": 1}
    assert "IO error" in rules.io_error_message(before, after, paused)


def test_live_migration_wants_every_claim_shared():
    alone = rules.updated(with_claim(), domain())
    assert condition(alone, "LiveMigratable")["reason"] == "DisksNotLiveMigratable"
    assert has_condition(alone, "StorageLiveMigratable")
    assert has_condition(rules.updated(with_claim("ReadWriteMany"), domain()), "LiveMigratable")


def test_a_migrated_volume_makes_an_rwo_vm_migratable():
    found = with_claim(migratedVolumes=[{"volumeName": "root"}])
    assert has_condition(rules.updated(found, domain()), "LiveMigratable")


def test_a_change_of_vmi_or_domain_is_synced_at_once_else_only_now_and_then():
    clock = rules.SyncClock()
    found = a_vmi()
    assert clock.is_due(found, domain(), 0)
    clock.synced(found, domain(), 0)
    assert not clock.is_due(found, domain(), 1)
    assert clock.is_due(found, domain("Paused", "User"), 1)
    found["metadata"]["resourceVersion"] = "2"
    assert clock.is_due(found, domain(), 1)
    clock.synced(found, domain(), 1)
    assert clock.is_due(found, domain(), 1 + rules.RESYNC)


def test_an_io_error_is_retried_after_10_20_and_40_seconds():
    clock = rules.SyncClock()
    found, paused = a_vmi(), domain("Paused", "IOError")
    clock.synced(found, domain(), 0)
    now, waits = 100.0, []
    for _ in range(3):
        began = now
        while not clock.is_due(found, paused, now):
            now += 1
        waits.append(now - began)
        clock.synced(found, paused, now)
    assert waits == [10, 20, 40]


def test_the_count_of_io_errors_starts_anew_when_the_guest_ran_long_enough():
    clock = rules.SyncClock()
    found, paused = a_vmi(), domain("Paused", "IOError")
    assert not clock.is_due(found, paused, 0)
    assert clock.is_due(found, paused, 10)
    clock.synced(found, paused, 10)
    clock.is_due(found, domain(), 100)
    assert not clock.is_due(found, paused, 101)
    assert clock.is_due(found, paused, 111)


def test_a_finished_migration_moves_the_vmi_and_forgets_migrated_volumes():
    state = {"sourceNode": "node-1", "targetNode": "node-2"}
    found = a_vmi(
        volume("root", "dst"),
        migrationState=state,
        migratedVolumes=[{"volumeName": "root"}],
        evacuationNodeName="node-1",
        conditions=[{"type": "VolumesChange", "status": "True"}],
    )
    hand_over(found)
    assert found["status"]["nodeName"] == "node-2"
    assert found["metadata"]["labels"]["kubevirt.io/nodeName"] == "node-2"
    assert found["status"]["migrationState"]["completed"] is True
    assert not {"migratedVolumes", "evacuationNodeName"} & found["status"].keys()
    assert condition(found, "VolumesChange") is None
