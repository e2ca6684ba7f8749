"""Which method copies the frozen source, and why none of the others; pure.

With Auto the first of the order that nothing speaks against. Where it fails later, the next of
those that were not needed takes its place; both are told by ``status.copyMethod`` alone, so that
the choice is durable before anything is done on the strength of it.
"""

import dataclasses

from detour_crds.volume_migration import CopyMethod, CopyMethodStatus, RefusedMethod
from detour_operator.storage_side.observation import SeenClaim, SeenSnapshotClass, Storage

BY_STORAGE = frozenset({CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE})
"""The storage makes the destination claim from the frozen source."""
ORDER = (CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE, CopyMethod.HOST_ASSISTED)
KEEPS_MODE = BY_STORAGE | {CopyMethod.HYPERVISOR}
"""Source and destination are of one volume mode."""
NAMED = (*ORDER, CopyMethod.EXTERNAL, CopyMethod.HYPERVISOR)
NOT_NEEDED = "NotNeeded"
COPY, CSI_CLONE = "copy", "csi-clone"
"""CDI's words."""

WHY = {
    CopyMethod.VOLUME_SNAPSHOT: "the driver makes the destination from a snapshot of the source",
    CopyMethod.CSI_CLONE: "the driver clones the source",
    CopyMethod.HOST_ASSISTED: "a pod on the guest's node copies; every storage can do that",
    CopyMethod.EXTERNAL: "spec.copy.method asks for it: somebody else copies",
    CopyMethod.HYPERVISOR: (
        "spec.copy.method asks for it: QEMU copies a running guest's disk, without an overlay"
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Against:
    """Why a method is not to be had; ``reason`` in one word."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the choice rests on.

    Attributes:
        asked: the method that the spec names.
        exists: the destination claim is there already, and nothing but a copy fills it.
        changes_mode: an image file is to become a device, or the other way round.
        source: the claim to copy from.
        size: bytes that the destination is to have; None if that is left to Detour.
        overlay_on_source: the overlay lies on the source's volume.
        storage: what it can do, as far as that matters for the method that is asked for.
    """

    asked: CopyMethod
    exists: bool
    changes_mode: bool
    source: SeenClaim
    size: int | None
    overlay_on_source: bool
    storage: Storage


def select(case: Case) -> CopyMethodStatus | Against:
    """The choice; why not, if the spec names a method that is not to be had."""
    verdicts = {method: _against(method, case) for method in NAMED}
    if case.asked is not CopyMethod.AUTO:
        other = Against("AnotherAsked", f"spec.copy.method asks for {case.asked}")
        others = {method: other for method in NAMED if method is not case.asked}
        return verdicts[case.asked] or _chosen(case.asked, others, case.storage)
    first = next(method for method in _order(case.storage) if verdicts[method] is None)
    others = {method: Against(NOT_NEEDED, f"{first} comes first") for method in NAMED}
    others[CopyMethod.EXTERNAL] = Against("NotAsked", "Auto never waits for somebody else")
    others[CopyMethod.HYPERVISOR] = Against("NotAsked", "Auto never leaves the source unfrozen")
    others.update({method: found for method, found in verdicts.items() if found is not None})
    return _chosen(first, others, case.storage)


def after_failure(before: CopyMethodStatus, reason: str, message: str) -> CopyMethodStatus | None:
    """The next choice of Auto, with why the present one was given up; None if nothing is left."""
    refused = before.refused or ()
    left = next((item.name for item in refused if item.reason == NOT_NEEDED), None)
    if left is None or before.name is None:
        return None
    failed = RefusedMethod(name=before.name, reason=reason, message=message)
    others = tuple(item for item in refused if item.name != left)
    return dataclasses.replace(
        before,
        name=left,
        reason=f"{WHY[CopyMethod(left)]}; {before.name} failed",
        refused=(failed, *others),
        tried=(*(before.tried or ()), before.name),
    )


def snapshot_class(storage: Storage) -> SeenSnapshotClass | Against:
    """The class for the snapshot: CDI's choice, the default one, or the only one."""
    found = storage.snapshot_classes
    if found is None:
        message = "the cluster has no VolumeSnapshots (snapshot.storage.k8s.io)"
        return Against("SnapshotsNotInstalled", message)
    driver = storage.destination_driver
    preferred = [one for one in found if one.name == storage.profile_snapshot_class]
    preferred = preferred or [one for one in found if one.is_default] or list(found)
    if not preferred:
        message = f"there is no VolumeSnapshotClass of the driver {driver}"
        return Against("SnapshotClassNotFound", message)
    if len(preferred) > 1:
        names = ", ".join(one.name for one in preferred)
        message = f"the driver {driver} has several: {names}; mark one of them as the default"
        return Against("SnapshotClassAmbiguous", message)
    (chosen,) = preferred
    if not chosen.deletes:
        message = (
            f"the VolumeSnapshotClass {chosen.name} retains snapshots: one would be left behind"
        )
        return Against("SnapshotClassRetains", message)
    return chosen


def _order(storage: Storage) -> tuple[CopyMethod, ...]:
    """CDI's choice goes first."""
    if storage.profile_strategy == CSI_CLONE:
        return (CopyMethod.CSI_CLONE, CopyMethod.VOLUME_SNAPSHOT, CopyMethod.HOST_ASSISTED)
    return ORDER


def _chosen(
    chosen: CopyMethod, others: dict[CopyMethod, Against], storage: Storage
) -> CopyMethodStatus:
    found = snapshot_class(storage)
    return CopyMethodStatus(
        name=chosen.value,
        reason=WHY[chosen],
        snapshot_class=None if isinstance(found, Against) else found.name,
        refused=tuple(
            RefusedMethod(name=method.value, reason=why.reason, message=why.message)
            for method, why in others.items()
            if method is not chosen
        ),
    )


def _against(method: CopyMethod, case: Case) -> Against | None:
    if case.changes_mode and method in KEEPS_MODE:
        return Against("VolumeModeKept", _keeps_mode(method))
    if method not in BY_STORAGE:
        return None
    return _against_storage(case) or _against_one(method, case)


def _keeps_mode(method: CopyMethod) -> str:
    who = "QEMU copies the disk of a running guest, which keeps"
    if method in BY_STORAGE:
        who = "what the storage makes from the source's volume has"
    return (
        f"{who} its volume mode, and the destination has another one; have HostAssisted or"
        " External copy, or use a claim of the same mode"
    )


def _against_storage(case: Case) -> Against | None:
    """What speaks against both methods by which the storage makes the claim."""
    if case.exists:
        message = "the destination claim is there already: the storage could only make a new one"
        return Against("DestinationThere", message)
    if case.overlay_on_source:
        message = "the overlay lies on the source's volume, and would be copied with it"
        return Against("OverlayOnSource", message)
    storage = case.storage
    if storage.source_driver is None:
        return Against("DriverNotCSI", "the source's volume is of no CSI driver")
    if storage.destination_driver != storage.source_driver:
        wanted = storage.destination_driver or "no known driver"
        message = f"the source is of {storage.source_driver}, the destination of {wanted}"
        return Against("DriversDiffer", message)
    has = max(case.source.capacity or 0, case.source.image_bytes)
    if case.size is not None and case.size < has:
        message = f"the destination is to have {case.size} bytes, the source's volume has {has}"
        return Against("SmallerThanSource", message)
    return None


def _against_one(method: CopyMethod, case: Case) -> Against | None:
    storage = case.storage
    by_itself = case.asked is CopyMethod.AUTO
    if by_itself and storage.profile_strategy == COPY:
        message = "CDI's StorageProfile of the destination's class names the strategy copy"
        return Against("StorageProfileCopies", message)
    if method is CopyMethod.VOLUME_SNAPSHOT:
        found = snapshot_class(storage)
        return found if isinstance(found, Against) else None
    return None
