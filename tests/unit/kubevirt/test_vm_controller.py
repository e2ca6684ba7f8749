"""What virt-controller does with a VirtualMachine: KubeVirt facts 6.2, 7 and 8."""

import pytest

from kubevirt.controller import vm, vm_status, volume_update
from kubevirt.controller.vm import Act
from kubevirt.objects import copied, has_condition, parse_time
from unit.kubevirt.builders import VM_UID, VMI_UID, claim, volume
from unit.kubevirt.builders import vm as a_vm
from unit.kubevirt.builders import vmi as a_vmi


@pytest.mark.parametrize(
    ("strategy", "phase", "act"),
    [
        ("Always", None, Act.START),
        ("Always", "Running", Act.NOTHING),
        ("Always", "Succeeded", Act.STOP),
        ("Always", "Failed", Act.STOP),
        ("RerunOnFailure", None, Act.START),
        ("RerunOnFailure", "Succeeded", Act.NOTHING),
        ("RerunOnFailure", "Failed", Act.STOP),
        ("Manual", None, Act.NOTHING),
        ("Manual", "Failed", Act.NOTHING),
        ("Halted", None, Act.NOTHING),
        ("Halted", "Running", Act.STOP),
    ],
)
def test_run_strategies(strategy, phase, act):
    found = a_vmi(phase=phase) if phase else None
    assert vm.decide(a_vm(runStrategy=strategy), found) is act


@pytest.mark.parametrize(("running", "act"), [(True, Act.START), (False, Act.NOTHING)])
def test_running_is_the_older_word(running, act):
    found = a_vm()
    del found["spec"]["runStrategy"]
    found["spec"]["running"] = running
    assert vm.decide(found, None) is act


def test_while_a_final_vmi_is_there_no_new_one_is_created():
    going = a_vmi(phase="Failed")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert vm.decide(a_vm(), going) is Act.NOTHING


def test_a_deleted_vm_takes_its_instance_along_unless_that_is_orphaned():
    going = a_vm()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert vm.decide(going, a_vmi()) is Act.STOP
    assert vm.decide(going, None) is Act.NOTHING
    going["metadata"]["finalizers"] = ["orphan"]
    assert vm.decide(going, a_vmi()) is Act.NOTHING


def test_a_stop_request_is_for_one_vmi():
    found = a_vm(runStrategy="Manual")
    found["status"] = {"stateChangeRequests": [{"action": "Stop", "uid": VMI_UID}]}
    assert vm.decide(found, a_vmi()) is Act.STOP
    found["status"]["stateChangeRequests"][0]["uid"] = "another"
    assert vm.decide(found, a_vmi()) is Act.NOTHING


def test_a_start_request_starts_a_manual_vm_and_is_then_done():
    found = a_vm(runStrategy="Manual")
    found["status"] = {"stateChangeRequests": [{"action": "Start"}]}
    assert vm.decide(found, None) is Act.START
    assert "stateChangeRequests" not in vm_status.status(found, a_vmi(), None)["status"]


def test_manual_recovery_required_forbids_the_start():
    found = a_vm()
    found["status"] = {"conditions": [{"type": "ManualRecoveryRequired", "status": "True"}]}
    assert vm.decide(found, None) is Act.NOTHING


def test_the_instance_is_the_template_controlled_by_the_vm():
    made = vm.instance(a_vm())
    assert made["metadata"]["name"] == "vm1"
    assert made["metadata"]["ownerReferences"][0] == {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "name": "vm1",
        "uid": VM_UID,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert made["status"]["virtualMachineRevisionName"] == f"revision-start-vm-{VM_UID}-1"


def restart(changed, started=None):
    fresh = vm_status.status(changed, a_vmi(), (started or a_vm())["spec"])
    return has_condition(fresh, "RestartRequired")


def test_another_claim_needs_a_restart():
    assert restart(a_vm(volume("root", "dst")))
    assert restart(a_vm(volume("root", "dst"), updateVolumesStrategy="Replacement"))


def test_another_claim_with_strategy_migration_needs_none():
    assert not restart(a_vm(volume("root", "dst"), updateVolumesStrategy="Migration"))


def test_the_condition_goes_when_the_spec_is_again_that_of_the_start():
    changed = vm_status.status(a_vm(volume("root", "dst")), a_vmi(), a_vm()["spec"])
    assert has_condition(changed, "RestartRequired")
    changed["spec"] = a_vm()["spec"]
    assert not has_condition(vm_status.status(changed, a_vmi(), a_vm()["spec"]), "RestartRequired")


def test_the_vmi_does_not_matter_for_the_condition():
    fresh = vm_status.status(
        a_vm(volume("root", "dst")), a_vmi(volume("root", "dst")), a_vm()["spec"]
    )
    assert has_condition(fresh, "RestartRequired")


def test_taking_the_strategy_away_raises_nothing_with_the_claims_of_the_last_start():
    started = a_vm(updateVolumesStrategy="Migration")
    assert not restart(a_vm(), started)


def test_more_memory_needs_no_restart_more_disks_do():
    more = copied(a_vm())
    more["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = "256Mi"
    assert not restart(more)
    assert restart(a_vm(volume("root", "src"), volume("data", "d")))


def test_foreign_conditions_vanish_while_a_vmi_exists():
    found = a_vm() | {
        "status": {"conditions": [{"type": "ManualRecoveryRequired", "status": "True"}]}
    }
    running = a_vmi(conditions=[{"type": "Ready", "status": "True"}])
    types = [c["type"] for c in vm_status.status(found, running, None)["status"]["conditions"]]
    assert types == ["Ready"]
    alone = vm_status.status(found, None, None)
    assert has_condition(alone, "ManualRecoveryRequired")


def test_a_start_that_never_ran_delays_the_next():
    failed = a_vmi(phase="Failed", phaseTransitionTimestamps=[{"phase": "Scheduling"}])
    fresh = vm_status.status(a_vm(), failed, None)
    failure = fresh["status"]["startFailure"]
    assert failure["consecutiveFailCount"] == 1
    due = parse_time(failure["retryAfterTimestamp"])
    assert vm.start_delay(fresh, due - 4) == 4
    again = vm_status.status(fresh, failed, None)
    assert again["status"]["startFailure"] == failure


def test_a_guest_that_ran_is_started_again_at_once():
    ran = a_vmi(phase="Failed", phaseTransitionTimestamps=[{"phase": "Running"}])
    assert "startFailure" not in vm_status.status(a_vm(), ran, None)["status"]


CLAIMS = {name: claim(name) for name in ("src", "dst", "other")}


def moved(**spec):
    return a_vm(volume("root", "dst"), **({"updateVolumesStrategy": "Migration"} | spec))


def test_an_edit_with_strategy_migration_starts_kubevirts_own_migration():
    update = volume_update.plan(moved(), a_vmi(), CLAIMS)
    first, second = update.patches
    listed = first[0]["value"][0]
    assert first[0]["path"] == "/status/migratedVolumes"
    assert (listed["sourcePVCInfo"]["claimName"], listed["destinationPVCInfo"]["claimName"]) == (
        "src",
        "dst",
    )
    assert second[0]["value"] == moved()["spec"]["template"]["spec"]["volumes"]


@pytest.mark.parametrize("strategy", [None, "Replacement"])
def test_without_the_strategy_nothing_happens(strategy):
    assert volume_update.plan(moved(updateVolumesStrategy=strategy), a_vmi(), CLAIMS) == (
        volume_update.NOTHING
    )


def test_nothing_happens_when_the_vmi_is_there_already():
    assert volume_update.plan(moved(), a_vmi(volume("root", "dst")), CLAIMS) == (
        volume_update.NOTHING
    )


def test_with_the_strategy_a_vmi_on_the_destination_is_migrated_back():
    back = a_vm(updateVolumesStrategy="Migration")
    assert volume_update.plan(back, a_vmi(volume("root", "dst")), CLAIMS).migrated


def test_all_rwo_claims_must_be_in_the_set():
    both = (volume("root", "src"), volume("data", "other"))
    edited = a_vm(
        volume("root", "dst"), volume("data", "other"), updateVolumesStrategy="Migration"
    )
    assert "RWO" in volume_update.plan(edited, a_vmi(*both), CLAIMS).refused


def test_only_the_old_claims_may_be_put_back_meanwhile():
    migrated = volume_update.plan(moved(), a_vmi(), CLAIMS).migrated
    on_the_way = a_vmi(volume("root", "dst"), migratedVolumes=migrated)
    cancelled = volume_update.plan(a_vm(updateVolumesStrategy="Migration"), on_the_way, CLAIMS)
    assert cancelled.patches[1][0] == {"op": "remove", "path": "/status/migratedVolumes"}
    other = a_vm(volume("root", "other"), updateVolumesStrategy="Migration")
    assert volume_update.plan(other, on_the_way, CLAIMS).refused
