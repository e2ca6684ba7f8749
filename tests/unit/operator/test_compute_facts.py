"""What is read from KubeVirt's JSON, and what is not mistaken for something else."""

import pytest

from detour_operator.adapters import claims
from detour_operator.compute_side import facts
from detour_operator.compute_side.observation import Claim
from unit.operator.compute_samples import claim, disk, instance, machine, pod


def test_a_running_instance():
    found = facts.instance(instance(), "data")
    assert (found.phase, found.node, found.claim) == ("Running", "node-1", "old")
    assert found.claim_in_status == "old"
    assert found.se_linux_level == "s0:c1,c2"
    assert found.fence is None
    assert found.disk == "disk"
    busy = (found.paused, found.migrating, found.volumes_changing, found.handing_over)
    assert busy == (False,) * 4
    assert not found.hotplugged


def test_a_data_volume_is_a_claim_of_its_name():
    assert facts.instance(instance(), "root").claim == "root-claim"
    assert facts.machine(machine(), "root").claim == "root-claim"
    assert facts.machine(machine(), "cloudinit").claim is None
    assert not facts.machine(machine(), "nothing").has_volume


OURS = {
    "volumeName": "data",
    "sourcePVCInfo": {"claimName": "new"},
    "destinationPVCInfo": {"claimName": "new"},
}
THEIRS = {**OURS, "sourcePVCInfo": {"claimName": "old"}}


@pytest.mark.parametrize(
    ("migrated", "ours", "theirs"),
    [([], False, False), ([OURS], True, False), ([THEIRS], False, True)],
    ids=["none", "Detour's own", "KubeVirt's own"],
)
def test_whose_migrated_volumes(migrated, ours, theirs):
    found = facts.instance(instance(migratedVolumes=migrated), "data")
    assert (found.handing_over, found.volumes_changing) == (ours, theirs)


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        ({"conditions": [{"type": "Paused", "status": "True"}]}, "paused"),
        ({"conditions": [{"type": "VolumesChange", "status": "True"}]}, "volumes_changing"),
        ({"migrationState": {"migrationUid": "x"}}, "migrating"),
        ({"changedBlockTracking": {"state": "Enabled"}}, "block_tracking"),
        ({"volumeStatus": [{"name": "data", "hotplugVolume": {}}]}, "hotplugged"),
    ],
)
def test_what_is_under_way(status, fact):
    assert getattr(facts.instance(instance(**status), "data"), fact)
    assert not getattr(facts.instance(instance(), "data"), fact)


def test_a_migration_that_ended_is_none():
    ended = {"migrationState": {"completed": True, "endTimestamp": "t"}}
    assert not facts.instance(instance(**ended), "data").migrating


@pytest.mark.parametrize("kind", ["lun", "cdrom", "floppy"])
def test_kinds_of_disks(kind):
    raw = instance()
    raw["spec"]["domain"]["devices"]["disks"] = [{"name": "data", kind: {}}]
    assert facts.instance(raw, "data").disk == kind


def test_a_volume_without_a_disk_is_a_filesystem():
    raw = instance()
    raw["spec"]["domain"]["devices"]["disks"] = [disk("root")]
    assert facts.instance(raw, "data").disk is None


@pytest.mark.parametrize("context", ["", "none"])
def test_no_selinux_no_level(context):
    assert facts.instance(instance(selinuxContext=context), "data").se_linux_level == ""


def test_a_pod_runs_when_its_containers_do():
    assert facts.pod(pod()).running
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    found = facts.pod(pod(containerStatuses=[{"state": waiting}]))
    assert not found.running
    assert found.trouble == "no such image"
    unscheduled = [{"type": "PodScheduled", "status": "False", "message": "no node"}]
    found = facts.pod(pod(phase="Pending", containerStatuses=[], conditions=unscheduled))
    assert found.trouble == "no node"


def test_an_owner_counts_only_if_it_is_the_only_one():
    raw = pod()
    raw["metadata"]["ownerReferences"] = [{"uid": "a"}]
    assert facts.pod(raw).owner == "a"
    raw["metadata"]["ownerReferences"].append({"uid": "b"})
    assert facts.pod(raw).owner is None


def test_a_claim():
    found = facts.claim(claim("old", volumeMode="Block"))
    assert (found.uid, found.volume_mode, found.access_modes) == (
        "old-uid",
        "Block",
        ("ReadWriteOnce",),
    )


def test_a_claim_has_what_it_was_given_and_asks_for_what_it_wants():
    raw = claim("new", resources={"requests": {"storage": "1Gi"}})
    assert claims.sizes(raw) == (1 << 30, None)
    raw["status"] = {"capacity": {"storage": "1.5e9"}}
    assert claims.sizes(raw) == (1 << 30, 1_500_000_000)
    assert claims.sizes(claim("old")) == (0, None)


@pytest.mark.parametrize(
    ("mode", "capacity", "image"),
    [("Filesystem", 12, 10), ("Filesystem", None, 10), ("Block", 12, 12), ("Block", None, 10)],
)
def test_a_file_system_takes_some_of_its_claim_itself(mode, capacity, image):
    found = Claim(name="c", uid="c", volume_mode=mode, requested_bytes=10, capacity_bytes=capacity)
    assert found.image_bytes == image


@pytest.mark.parametrize(
    ("phase", "under_way"),
    [
        (None, False),
        ("Associating", True),
        ("InProgress", True),
        ("Unmounting", True),
        ("Dissociating", True),
        ("Completed", False),
        ("Failed", False),
    ],
)
def test_a_memory_dump_is_under_way_until_it_is_over(phase, under_way):
    raw = machine()
    if phase:
        raw.setdefault("status", {})["memoryDumpRequest"] = {"claimName": "dump", "phase": phase}
    assert facts.machine(raw, "data").memory_dump is under_way


def test_the_claims_of_the_other_volumes_are_seen():
    assert facts.machine(machine(), "data").others == (("root", "root-claim"),)
    assert facts.instance(instance(), "data").others == (("root", "root-claim"),)


@pytest.mark.parametrize("shareable", [True, False])
def test_what_a_machine_s_own_template_says_of_its_disk(shareable):
    raw = machine()
    disks = [disk("root"), {**disk("data"), "shareable": shareable}]
    raw["spec"]["template"]["spec"]["domain"] = {"devices": {"disks": disks}}
    assert facts.machine(raw, "data").shareable is shareable
    assert not facts.machine(raw, "root").shareable


@pytest.mark.parametrize("kind", ["disk", "lun", "cdrom"])
def test_a_stopped_machine_s_lun_is_known_by_its_template(kind):
    raw = machine()
    disks = [disk("root"), {"name": "data", kind: {}}]
    raw["spec"]["template"]["spec"]["domain"] = {"devices": {"disks": disks}}
    assert facts.machine(raw, "data").lun is (kind == "lun")
    assert not facts.machine(raw, "root").lun


STARTS = {
    "always": ({"runStrategy": "Always"}, {}, "Always"),
    "the older field": ({"running": True}, {}, "Always"),
    "not by the older field": ({"running": False}, {}, ""),
    "neither field": ({}, {}, ""),
    "both fields, which KubeVirt takes for an error": (
        {"runStrategy": "Always", "running": True},
        {},
        "",
    ),
    "once": ({"runStrategy": "Once"}, {"runStrategy": "Once"}, "Once"),
    "as a receiver": ({"runStrategy": "WaitAsReceiver"}, {}, "WaitAsReceiver"),
    "halted": ({"runStrategy": "Halted"}, {}, ""),
    "by hand": ({"runStrategy": "Manual"}, {}, ""),
    "never started yet": ({"runStrategy": "RerunOnFailure"}, {}, "RerunOnFailure"),
    "was another strategy's": (
        {"runStrategy": "RerunOnFailure"},
        {"runStrategy": "Halted"},
        "RerunOnFailure",
    ),
    "shut down from inside": (
        {"runStrategy": "RerunOnFailure"},
        {"runStrategy": "RerunOnFailure"},
        "",
    ),
}


@pytest.mark.parametrize(("spec", "status", "strategy"), STARTS.values(), ids=STARTS)
def test_under_which_strategy_an_instance_is_made_by_itself(spec, status, strategy):
    raw = machine()
    del raw["spec"]["runStrategy"]
    raw["spec"] |= spec
    raw["status"] = {**status, "printableStatus": "Provisioning"}
    seen = facts.machine(raw, "data")
    assert (seen.starts, seen.shown) == (strategy, "Provisioning")


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({"runStrategy": "Always"}, True),
        ({"runStrategy": "RerunOnFailure"}, True),
        ({"runStrategy": None, "running": True}, True),
        ({"runStrategy": None, "running": False}, False),
        ({"runStrategy": "Manual"}, False),
        ({"runStrategy": "Once"}, False),
        ({"runStrategy": "Halted"}, False),
    ],
)
def test_whether_kubevirt_starts_a_machine_again(spec, kept):
    assert facts.machine(machine(**spec), "data").kept_running is kept


@pytest.mark.parametrize(
    ("strategy", "starts", "kept"),
    [
        ("Once", "Once", False),
        ("WaitAsReceiver", "WaitAsReceiver", False),
        ("RerunOnFailure", "", True),
    ],
)
def test_to_make_an_instance_and_to_replace_one_are_two_things(strategy, starts, kept):
    raw = machine(runStrategy=strategy)
    raw["status"] = {"runStrategy": strategy}
    seen = facts.machine(raw, "data")
    assert (seen.starts, seen.kept_running) == (starts, kept)
