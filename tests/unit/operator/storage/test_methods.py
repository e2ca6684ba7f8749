"""Which copy method is chosen, and the reason against each of the others."""

import dataclasses

import pytest

from detour_crds.volume_migration import (
    CopyMethod,
    CopyMethodStatus,
    CopySpec,
    OverlayPlace,
    OverlaySpec,
)
from detour_operator.storage_side.methods import Against, Case, after_failure, select
from detour_operator.storage_side.observation import SeenSnapshotClass, Storage
from detour_operator.storage_side.preflight import Plan, Refusal, check
from unit.operator.storage_seen import storage
from unit.operator.storage_world import DESTINATION, SIZE, SOURCE, SPEC, UID, World, claim

SNAPSHOT, CLONE, HOST = CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE, CopyMethod.HOST_ASSISTED
EXTERNAL, AUTO = CopyMethod.EXTERNAL, CopyMethod.AUTO


def case(**changes):
    plain = Case(
        asked=AUTO,
        exists=False,
        changes_mode=False,
        source=claim(SOURCE),
        size=None,
        overlay_on_source=False,
        storage=storage(),
    )
    return dataclasses.replace(plain, **changes)


def classes(*found):
    return tuple(
        SeenSnapshotClass(name=name, is_default=default, deletes=deletes)
        for name, default, deletes in found
    )


def with_classes(*found, **more):
    return {"storage": storage(snapshot_classes=classes(*found), **more)}


NOT_NEEDED = {"CSIClone": "NotNeeded", "HostAssisted": "NotNeeded"}
BOTH = ("VolumeSnapshot", "CSIClone")


def both(reason):
    return dict.fromkeys(BOTH, reason)


TABLE = {
    "a driver with snapshots": ({}, SNAPSHOT, NOT_NEEDED),
    "the destination is there": ({"exists": True}, HOST, both("DestinationThere")),
    "no CSI": ({"storage": Storage()}, HOST, both("DriverNotCSI")),
    "no CSI, a CSI class": (
        {"storage": storage(source_driver=None)},
        HOST,
        both("DriverNotCSI"),
    ),
    "another driver": (
        {"storage": storage(destination_driver="other")},
        HOST,
        both("DriversDiffer"),
    ),
    "no class named": (
        {"storage": storage(destination_driver=None)},
        HOST,
        both("DriversDiffer"),
    ),
    "the destination is of the other volume mode": (
        {"changes_mode": True},
        HOST,
        {**both("VolumeModeKept"), "Hypervisor": "VolumeModeKept"},
    ),
    "the overlay is on the source": (
        {"overlay_on_source": True},
        HOST,
        both("OverlayOnSource"),
    ),
    "the destination is to be smaller than the volume": (
        {"size": SIZE, "source": claim(SOURCE, capacity=SIZE + 1)},
        HOST,
        both("SmallerThanSource"),
    ),
    "the destination is to be larger": ({"size": 2 * SIZE}, SNAPSHOT, NOT_NEEDED),
    "a block device": ({"source": claim(SOURCE, block=True)}, SNAPSHOT, NOT_NEEDED),
    "the kind is not installed": (
        {"storage": storage(snapshot_classes=None)},
        CLONE,
        {"VolumeSnapshot": "SnapshotsNotInstalled", "HostAssisted": "NotNeeded"},
    ),
    "no class of the driver": (
        with_classes(),
        CLONE,
        {"VolumeSnapshot": "SnapshotClassNotFound"},
    ),
    "two classes": (
        with_classes(("a", False, True), ("b", False, True)),
        CLONE,
        {"VolumeSnapshot": "SnapshotClassAmbiguous"},
    ),
    "two classes, one the default": (
        with_classes(("a", False, True), ("b", True, True)),
        SNAPSHOT,
        NOT_NEEDED,
    ),
    "a class that retains": (
        with_classes(("a", False, False)),
        CLONE,
        {"VolumeSnapshot": "SnapshotClassRetains"},
    ),
    "the profile names a class": (
        with_classes(("a", True, False), ("b", False, True), profile_snapshot_class="b"),
        SNAPSHOT,
        NOT_NEEDED,
    ),
    "the profile copies": (
        {"storage": storage(profile_strategy="copy")},
        HOST,
        both("StorageProfileCopies"),
    ),
    "the profile clones": (
        {"storage": storage(profile_strategy="csi-clone")},
        CLONE,
        {"VolumeSnapshot": "NotNeeded", "HostAssisted": "NotNeeded"},
    ),
    "the profile takes snapshots": (
        {"storage": storage(profile_strategy="snapshot")},
        SNAPSHOT,
        NOT_NEEDED,
    ),
    "asked for by name, the profile copies": (
        {"asked": CLONE, "storage": storage(profile_strategy="copy")},
        CLONE,
        {"VolumeSnapshot": "AnotherAsked"},
    ),
    "asked for a copy in a pod": ({"asked": HOST}, HOST, both("AnotherAsked")),
    "asked for QEMU itself": (
        {"asked": CopyMethod.HYPERVISOR, "exists": True},
        CopyMethod.HYPERVISOR,
        both("AnotherAsked"),
    ),
    "asked for somebody else": (
        {"asked": EXTERNAL, "exists": True},
        EXTERNAL,
        both("AnotherAsked"),
    ),
}


@pytest.mark.parametrize(("given", "chosen", "against"), TABLE.values(), ids=TABLE)
def test_the_choice_and_what_speaks_against_the_others(given, chosen, against):
    found = select(case(**given))
    assert isinstance(found, CopyMethodStatus)
    assert found.name == chosen
    why = {item.name: item.reason for item in found.refused}
    assert set(why) | {chosen} == set(CopyMethod) - {AUTO}, "each of the others has its reason"
    assert against.items() <= why.items()
    assert found.reason
    assert all(item.message for item in found.refused)


REFUSED = {
    "snapshots without the kind": (SNAPSHOT, {"storage": storage(snapshot_classes=None)}),
    "a clone by another driver": (CLONE, {"storage": storage(destination_driver="other")}),
    "a clone onto what is there": (CLONE, {"exists": True}),
    "a clone of the other volume mode": (CLONE, {"changes_mode": True}),
}


@pytest.mark.parametrize(("asked", "given"), REFUSED.values(), ids=REFUSED)
def test_a_method_that_is_asked_for_is_used_or_refused(asked, given):
    found = select(case(asked=asked, **given))
    assert isinstance(found, Against)
    assert found.message


def test_the_class_is_recorded_with_the_choice():
    assert select(case()).snapshot_class == "snaps"
    assert select(case(storage=Storage())).snapshot_class is None


def test_one_method_after_the_other_fails_and_each_is_told():
    first = select(case())
    second = after_failure(first, "SnapshotFailed", "no")
    third = after_failure(second, "ProvisioningFailed", "no clone")
    assert (first.name, second.name, third.name) == (SNAPSHOT, CLONE, HOST)
    assert third.tried == (SNAPSHOT, CLONE)
    why = {item.name: item.reason for item in third.refused}
    assert (why[SNAPSHOT], why[CLONE]) == ("SnapshotFailed", "ProvisioningFailed")
    assert len(why) == len(third.refused)
    assert after_failure(third, "NoSpaceLeft", "full") is None


def test_a_method_with_a_reason_against_it_is_never_fallen_back_to():
    found = select(case(storage=storage(snapshot_classes=None)))
    second = after_failure(found, "ProvisioningFailed", "no")
    assert second.name == HOST
    assert after_failure(second, "ReadError", "no") is None


def verdict(spec=SPEC, **around):
    seen = World(finalizer=True, spec=spec).observe()
    return check(seen, dataclasses.replace(seen.surroundings, **around))


def test_the_plan_has_the_method():
    assert verdict(storage=storage()).method.name == SNAPSHOT
    there = claim(DESTINATION, created_for=UID)
    assert verdict(storage=storage(), destination=there).method.name == HOST
    beside = OverlaySpec(where=OverlayPlace.SOURCE_VOLUME)
    spec = dataclasses.replace(SPEC, overlay=beside)
    assert verdict(spec, storage=storage()).method.name == HOST


def test_a_method_that_is_not_to_be_had_refuses_the_move():
    spec = dataclasses.replace(SPEC, copy=CopySpec(method=SNAPSHOT))
    assert isinstance(verdict(spec, storage=storage()), Plan)
    found = verdict(spec, storage=storage(destination_driver="other"))
    assert isinstance(found, Refusal)
    assert found.reason == "DriversDiffer"
    assert "spec.copy.method" in found.message
