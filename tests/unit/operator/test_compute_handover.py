"""The JSON patches of the handover, to the letter, and what they make of an object."""

import pytest

from detour_operator.compute_side import handover
from unit.operator.compute_cluster import applied
from unit.operator.compute_samples import claim, instance, machine

UID = {"op": "test", "path": "/metadata/uid", "value": "vmi-uid"}
VERSION = {"op": "test", "path": "/metadata/resourceVersion", "value": "9"}
FENCE = "/metadata/annotations/fence.detour.dev~1data"
OLD = {"name": "data", "persistentVolumeClaim": {"claimName": "old"}}
NEW = {"name": "data", "persistentVolumeClaim": {"claimName": "new"}}


def fenced(value="t-1", **status):
    raw = instance(**status)
    raw["metadata"]["annotations"] = {"fence.detour.dev/data": value}
    return raw


def test_hand_instance_is_one_patch_that_tests_uid_version_fence_and_claim():
    info = {"claimName": "new", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}
    root = {"claimName": "root-claim", "accessModes": ["ReadWriteMany"], "volumeMode": "Block"}
    assert handover.hand_instance(fenced(), "data", claim("new"), "t-1") == [
        UID,
        VERSION,
        {"op": "test", "path": FENCE, "value": "t-1"},
        {"op": "test", "path": "/spec/volumes/2", "value": OLD},
        {"op": "replace", "path": "/spec/volumes/2", "value": NEW},
        {
            "op": "add",
            "path": "/status/migratedVolumes",
            "value": [
                {"volumeName": "data", "sourcePVCInfo": info, "destinationPVCInfo": info},
                {"volumeName": "root", "sourcePVCInfo": root, "destinationPVCInfo": root},
            ],
        },
    ]


def test_finish_instance_takes_the_very_list_away():
    raw = fenced(migratedVolumes=[{"volumeName": "data"}])
    assert handover.finish_instance(raw) == [
        UID,
        VERSION,
        {"op": "test", "path": "/status/migratedVolumes", "value": [{"volumeName": "data"}]},
        {"op": "remove", "path": "/status/migratedVolumes"},
    ]


def test_the_fence_opens_on_an_instance_without_annotations():
    assert handover.open_fence(instance(), "data", "t-1") == [
        UID,
        VERSION,
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": FENCE, "value": "t-1"},
    ]


def test_the_fence_closes_whatever_token_it_holds():
    assert handover.close_fence(fenced("older"), "data") == [
        UID,
        VERSION,
        {"op": "test", "path": FENCE, "value": "older"},
        {"op": "remove", "path": FENCE},
    ]


def test_the_machine_and_its_strategy_change_in_one_patch():
    assert handover.hand_machine(machine(), "data", "new", live=True) == [
        {"op": "test", "path": "/metadata/uid", "value": "vm-uid"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "test", "path": "/spec/template/spec/volumes/2", "value": OLD},
        {"op": "replace", "path": "/spec/template/spec/volumes/2", "value": NEW},
        {"op": "add", "path": "/spec/updateVolumesStrategy", "value": "Migration"},
    ]


def test_without_the_instance_the_strategy_stays_as_it_is():
    patch = handover.hand_machine(machine(), "data", "new", live=False)
    assert not [item for item in patch if "updateVolumesStrategy" in item["path"]]


def test_a_template_of_the_source_goes_with_it():
    templates = [{"metadata": {"name": "other"}}, {"metadata": {"name": "root-claim"}}]
    patch = handover.hand_machine(machine(dataVolumeTemplates=templates), "root", "new", live=True)
    assert patch[-2:] == [
        {
            "op": "test",
            "path": "/spec/dataVolumeTemplates/1/metadata/name",
            "value": "root-claim",
        },
        {"op": "remove", "path": "/spec/dataVolumeTemplates/1"},
    ]
    after = applied(machine(dataVolumeTemplates=templates), patch)
    assert after["spec"]["dataVolumeTemplates"] == templates[:1]
    assert after["spec"]["template"]["spec"]["volumes"][1] == {
        "name": "root",
        "persistentVolumeClaim": {"claimName": "new"},
    }


@pytest.mark.parametrize(("before", "operation"), [("Migration", "add"), ("", "remove")])
def test_the_strategy_is_put_back_as_it_was(before, operation):
    patch = handover.put_strategy_back(machine(updateVolumesStrategy="x"), before)
    assert patch[-1]["op"] == operation
    after = applied(machine(updateVolumesStrategy="x"), patch)
    assert after["spec"].get("updateVolumesStrategy", "") == before


def test_there_and_back_again_leaves_the_instance_as_it_was():
    raw = fenced()
    there = applied(raw, handover.hand_instance(raw, "data", claim("new"), "t-1"))
    clean = applied(there, handover.finish_instance(there))
    back = applied(clean, handover.hand_instance(clean, "data", claim("old"), "t-1"))
    assert applied(back, handover.finish_instance(back)) == raw


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["metadata"].update(uid="another"),
        lambda raw: raw["metadata"].update(resourceVersion="10"),
        lambda raw: raw["metadata"].update(annotations={}),
        lambda raw: raw["metadata"]["annotations"].update({"fence.detour.dev/data": "later"}),
        lambda raw: raw["spec"]["volumes"][2].update(persistentVolumeClaim={"claimName": "new"}),
        lambda raw: raw["spec"]["volumes"].reverse(),
    ],
    ids=["another instance", "changed", "fence closed", "other token", "other claim", "moved"],
)
def test_a_late_handover_changes_nothing(change):
    patch = handover.hand_instance(fenced(), "data", claim("new"), "t-1")
    late = fenced()
    change(late)
    with pytest.raises((AssertionError, KeyError)):
        applied(late, patch)


def test_a_data_volume_that_can_be_unplugged_still_can():
    """KubeVirt's ``removevolume`` refuses a volume that is not said to be hotpluggable."""
    old = {"name": "data", "dataVolume": {"name": "old", "hotpluggable": True}}
    claim_of_it = {"claimName": "new", "hotpluggable": True}
    assert handover._on_claim(old, "new") == {
        "name": "data",
        "persistentVolumeClaim": claim_of_it,
    }
