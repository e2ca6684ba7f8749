"""What virt-api allows: KubeVirt facts 5 and 6."""

import base64
import json

import pytest

from kubevirt.admission import eviction, migration, vm, vmi
from kubevirt.admission.verdict import denied
from kubevirt.objects import CONTROLLER, copied
from unit.kubevirt.builders import pod, volume
from unit.kubevirt.builders import vm as a_vm
from unit.kubevirt.builders import vmi as a_vmi

MIGRATED = [
    {
        "volumeName": "root",
        "sourcePVCInfo": {"claimName": "dst"},
        "destinationPVCInfo": {"claimName": "dst"},
    }
]


def update(old, new, user=CONTROLLER):
    return {"operation": "UPDATE", "userInfo": {"username": user}, "object": new, "oldObject": old}


def on_destination(**status):
    return a_vmi(volume("root", "dst"), **status)


def test_a_user_may_not_change_the_spec_of_a_vmi():
    verdict = vmi.admit_update(update(a_vmi(), on_destination(), "admin"))
    assert (verdict.allowed, verdict.message) == (False, "update of VMI object is restricted")


def test_kubevirt_itself_may_not_change_a_permanent_volume():
    verdict = vmi.admit_update(update(a_vmi(), on_destination()))
    assert verdict.message == "permanent volume root, changed"


def test_kubevirt_may_if_the_same_request_lists_the_volume_as_migrated():
    assert vmi.admit_update(update(a_vmi(), on_destination(migratedVolumes=MIGRATED))).allowed


def test_an_older_listing_does_not_count():
    old = a_vmi(migratedVolumes=MIGRATED)
    assert not vmi.admit_update(update(old, on_destination())).allowed


def test_only_the_volume_name_of_the_listing_is_looked_at():
    new = a_vmi(volume("root", "anything"), migratedVolumes=[{"volumeName": "root"}])
    assert vmi.admit_update(update(a_vmi(), new)).allowed


def test_a_permanent_volume_may_not_vanish():
    new = a_vmi(volume("data", "data"))
    assert vmi.admit_update(update(a_vmi(), new)).message == (
        "Number of permanent volumes has changed"
    )


def test_a_hotplugged_volume_may_vanish():
    both = (volume("root", "src"), volume("plugged", "p"))
    old = a_vmi(*both, volumeStatus=[{"name": "plugged", "hotplugVolume": {}}])
    assert vmi.admit_update(update(old, a_vmi())).allowed


def test_a_status_change_by_others_is_silently_taken_back():
    new = copied(a_vmi())
    new["status"]["nodeName"] = "elsewhere"
    verdict = vmi.mutate(update(a_vmi(), new, "admin"))
    assert verdict.allowed
    assert verdict.patch == [{"op": "add", "path": "/status", "value": a_vmi()["status"]}]


def test_a_status_change_by_kubevirt_stays():
    new = copied(a_vmi())
    new["status"]["nodeName"] = "elsewhere"
    assert vmi.mutate(update(a_vmi(), new)).patch == []


def test_a_new_vmi_gets_finalizer_phase_and_the_unprivileged_user():
    request = {"operation": "CREATE", "userInfo": {"username": "admin"}, "object": a_vmi()}
    values = {change["path"]: change["value"] for change in vmi.mutate(request).patch}
    assert values["/metadata/finalizers"] == ["foregroundDeleteVirtualMachine"]
    assert values["/status"]["runtimeUser"] == 107
    assert "nodeName" not in values["/status"]


def test_a_user_may_not_change_kubevirts_labels():
    new = copied(a_vmi())
    new["metadata"]["labels"]["kubevirt.io/nodeName"] = "node-2"
    assert "reserved kubevirt.io/ labels" in vmi.admit_update(update(a_vmi(), new, "x")).message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"running": True}, "mutually exclusive"),
        ({"runStrategy": "Sometimes"}, "Invalid RunStrategy"),
        ({"updateVolumesStrategy": "Move"}, "not recognized"),
    ],
)
def test_strategies_of_a_vm_are_checked(change, message):
    verdict = vm.admit({"object": a_vm(**change)})
    assert not verdict.allowed
    assert message in verdict.message


def test_a_running_vm_may_get_other_claims():
    assert vm.admit({"object": a_vm(volume("root", "dst")), "oldObject": a_vm()}).allowed


def test_a_data_volume_template_needs_a_volume_that_names_it():
    templates = [{"metadata": {"name": "src"}}]
    assert vm.admit({"object": a_vm(dataVolumeTemplates=templates)}).allowed
    moved = a_vm(volume("root", "dst"), dataVolumeTemplates=templates)
    assert "must be referenced" in vm.admit({"object": moved}).message


def test_a_snapshot_in_progress_holds_volumes_and_run_strategy():
    old = a_vm() | {"status": {"snapshotInProgress": "s"}}
    assert not vm.admit({"object": a_vm(volume("root", "dst")), "oldObject": old}).allowed
    assert not vm.admit({"object": a_vm(runStrategy="Halted"), "oldObject": old}).allowed
    assert vm.admit({"object": a_vm(), "oldObject": old}).allowed


def create_migration():
    return {"object": {"metadata": {}, "spec": {"vmiName": "vm1"}}}


def test_a_second_migration_is_refused_while_one_has_not_ended():
    other = {"metadata": {"uid": "u"}, "spec": {"vmiName": "vm1"}, "status": {"phase": "Running"}}
    verdict = migration.admit_create(create_migration(), a_vmi(), [other])
    assert "in-flight migration detected" in verdict.message
    other["status"]["phase"] = "Failed"
    assert migration.admit_create(create_migration(), a_vmi(), [other]).allowed


def test_a_new_migration_gets_finalizer_and_label():
    values = {
        change["path"]: change["value"] for change in migration.mutate(create_migration()).patch
    }
    assert values["/metadata/finalizers"] == ["kubevirt.io/migrationJobFinalize"]
    assert values["/metadata/labels"] == {"kubevirt.io/vmi-name": "vm1"}


def test_a_vmi_that_is_not_live_migratable_is_not_migrated():
    conditions = [{"type": "LiveMigratable", "status": "False", "reason": "R", "message": "m"}]
    verdict = migration.admit_create(create_migration(), a_vmi(conditions=conditions), [])
    assert verdict.message == "Cannot migrate VMI, Reason: R, Message: m"


MIGRATABLE = [{"type": "LiveMigratable", "status": "True"}]


def evicted(strategy, conditions=()):
    found = a_vmi(conditions=list(conditions))
    if strategy:
        found["spec"]["evictionStrategy"] = strategy
    return eviction.admit_launcher(pod(), found)


def test_without_a_strategy_an_eviction_kills_the_vm():
    assert evicted(None, MIGRATABLE).verdict.allowed


def test_a_vm_that_must_but_cannot_migrate_stays():
    answer = evicted("LiveMigrate")
    assert (answer.verdict.allowed, answer.verdict.code, answer.evacuate) == (False, 429, "")


@pytest.mark.parametrize("strategy", ["LiveMigrate", "LiveMigrateIfPossible", "External"])
def test_a_vm_that_can_migrate_is_marked_and_stays_for_now(strategy):
    answer = evicted(strategy, MIGRATABLE)
    assert (answer.verdict.allowed, answer.evacuate) == (False, "node-1")


def test_a_pod_that_has_ended_may_be_evicted():
    assert eviction.admit_launcher(pod(phase="Succeeded"), a_vmi()).verdict.allowed


def test_a_hotplug_pod_stays_as_long_as_its_vmi():
    holder = {
        "metadata": {"labels": {"kubevirt.io": "hotplug-disk"}, "ownerReferences": [{"name": "x"}]}
    }
    assert eviction.is_hotplug_pod(holder)
    assert eviction.admit_hotplug(pod(), a_vmi()).code == 429
    assert eviction.admit_hotplug(pod(), None).allowed


def test_a_pod_with_two_owners_is_no_hotplug_pod():
    owners = [{"name": "x"}, {"name": "y"}]
    holder = {"metadata": {"labels": {"kubevirt.io": "hotplug-disk"}, "ownerReferences": owners}}
    assert not eviction.is_hotplug_pod(holder)


def test_a_verdict_as_response():
    answer = vmi.Verdict(patch=[{"op": "remove", "path": "/status"}]).response("u")
    assert json.loads(base64.b64decode(answer["patch"]))[0]["op"] == "remove"
    refusal = denied("no").response("u")
    assert refusal["status"] == {"code": 422, "message": "no", "reason": "Invalid"}
