"""Objects of the API as the observation has them."""

from collections.abc import Mapping
from typing import Any

from detour_crds import json_text, names
from detour_crds.volume_migration import CopyMethod, Verify
from detour_operator.adapters.claims import bytes_of, is_being_filled
from detour_operator.adapters.field_managers import overridden
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.adapters.virtual_machines import applied_claims_of, claims_of
from detour_operator.reconcile.objects import meta_of
from detour_operator.storage_side.observation import (
    CopierProgress,
    Owner,
    SeenClaim,
    SeenCopier,
    SeenJob,
    SeenSnapshot,
    SeenSnapshotClass,
    SeenSwitch,
    SeenVirtualMachine,
)

DEFAULT_SNAPSHOT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"
MOST = 1 << 63
"""Numbers of the API have eight bytes, with their sign."""
Raw = Mapping[str, Any]


def switch(found: FoundSwitch, migration_uid: str) -> SeenSwitch:
    """A switch, and whether it is the migration's own."""
    owners = found.raw["metadata"].get("ownerReferences") or []
    ours = any(owner.get("uid") == migration_uid for owner in owners)
    return SeenSwitch(meta=found.meta, spec=found.spec, status=found.status, ours=ours)


def virtual_machine(raw: Raw) -> SeenVirtualMachine:
    """A VirtualMachine; KubeVirt names the state of each one that it has looked at."""
    meta, status = meta_of(raw), raw.get("status") or {}
    started, claims = bool(status.get("created")), claims_of(raw)
    managers = {volume: overridden(raw, volume) for volume in claims}
    return SeenVirtualMachine(
        name=meta.name,
        uid=meta.uid,
        claims=claims,
        started=started,
        stopped=bool(status.get("printableStatus")) and not started,
        applied=applied_claims_of(raw),
        overridden={volume: manager for volume, manager in managers.items() if manager},
    )


def claim(raw: Raw) -> SeenClaim:
    """A PersistentVolumeClaim."""
    meta, spec, status = meta_of(raw), raw["spec"], raw.get("status") or {}
    requests = (spec.get("resources") or {}).get("requests") or {}
    request = str(requests.get("storage", "0"))
    capacity = (status.get("capacity") or {}).get("storage")
    return SeenClaim(
        name=meta.name,
        uid=meta.uid,
        phase=status.get("phase", "Pending"),
        deleting=meta.deleting,
        block=spec.get("volumeMode") == "Block",
        access_modes=tuple(spec.get("accessModes") or ()),
        storage_class=spec.get("storageClassName"),
        request=request,
        requested=bytes_of(request),
        capacity=None if capacity is None else bytes_of(capacity),
        created_for=meta.annotations.get(names.DESTINATION_OF_ANNOTATION),
        filling=is_being_filled(raw),
        superseded_for=_superseded_for(raw),
        holds=names.held_on(meta.annotations.get(names.HOLDS_ANNOTATION), meta.uid),
        data_volume=_data_volume(raw),
        volume=spec.get("volumeName") or None,
        data_source=_data_source(spec),
        token=meta.annotations.get(names.TOKEN_ANNOTATION),
        created=raw["metadata"].get("creationTimestamp"),
        deleting_since=raw["metadata"].get("deletionTimestamp"),
        copied_under=meta.annotations.get(names.COPIED_ANNOTATION),
    )


def _data_source(spec: Raw) -> str | None:
    found = spec.get("dataSource") or spec.get("dataSourceRef")
    return f"{found['kind']}/{found['name']}" if found else None


def _superseded_for(raw: Raw) -> str | None:
    """Of whose disk the claim is a stale image, as the compute side marked it."""
    metadata = raw["metadata"]
    if names.SUPERSEDED_LABEL not in (metadata.get("labels") or {}):
        return None
    return (metadata.get("annotations") or {}).get(names.SUPERSEDED_FOR_ANNOTATION)


def _data_volume(raw: Raw) -> Owner | None:
    """The DataVolume that made the claim and would make it again."""
    for owner in raw["metadata"].get("ownerReferences") or []:
        if owner.get("kind") == "DataVolume":
            return Owner(owner["name"], owner["uid"])
    return None


def job(raw: Raw) -> SeenJob:
    """A copy Job."""
    meta = meta_of(raw)
    told = {
        item["type"]: item
        for item in (raw.get("status") or {}).get("conditions") or []
        if item.get("status") == "True"
    }
    failure = told.get("Failed", {})
    return SeenJob(
        name=meta.name,
        uid=meta.uid,
        deleting=meta.deleting,
        switch_uid=meta.annotations.get(names.SWITCH_UID_ANNOTATION, ""),
        token=meta.annotations.get(names.TOKEN_ANNOTATION, ""),
        finished="Complete" in told or "Failed" in told,
        failed="Failed" in told,
        failure_reason=failure.get("reason", ""),
        failure_message=failure.get("message", ""),
        suspended=bool(raw["spec"].get("suspend")),
        method=meta.annotations.get(names.METHOD_ANNOTATION, CopyMethod.HOST_ASSISTED),
        verify=meta.annotations.get(names.VERIFY_ANNOTATION, Verify.NONE),
        looks=meta.annotations.get(names.LOOK_ANNOTATION) == "true",
        created=raw["metadata"].get("creationTimestamp"),
    )


def snapshot(raw: Raw) -> SeenSnapshot:
    """A VolumeSnapshot (https://kubernetes.io/docs/concepts/storage/volume-snapshots/)."""
    meta, status = meta_of(raw), raw.get("status") or {}
    size = status.get("restoreSize")
    error = status.get("error") or {}
    return SeenSnapshot(
        name=meta.name,
        uid=meta.uid,
        deleting=meta.deleting,
        switch_uid=meta.annotations.get(names.SWITCH_UID_ANNOTATION, ""),
        token=meta.annotations.get(names.TOKEN_ANNOTATION, ""),
        ready=status.get("readyToUse") is True,
        restore_bytes=None if size is None else _bytes(str(size)),
        error=str(error.get("message") or "") if error else "",
        created=raw["metadata"].get("creationTimestamp"),
    )


def _bytes(quantity: str) -> int | None:
    """What a snapshot's driver says; not the API server sees that it is a number at all."""
    try:
        return bytes_of(quantity)
    except ValueError:
        return None


def snapshot_class(raw: Raw) -> SeenSnapshotClass:
    """A VolumeSnapshotClass."""
    meta = meta_of(raw)
    return SeenSnapshotClass(
        name=meta.name,
        is_default=meta.annotations.get(DEFAULT_SNAPSHOT_CLASS) == "true",
        deletes=raw.get("deletionPolicy") == "Delete",
    )


def copier(raw: Raw) -> SeenCopier:
    """A copier's pod."""
    status = raw.get("status") or {}
    result = _result(status)
    return SeenCopier(
        name=raw["metadata"]["name"],
        # Unknown is a phase too, of a pod whose node is away: its copier may live.
        ended=status.get("phase") in ("Succeeded", "Failed"),
        uid=raw["metadata"].get("uid", ""),
        created=raw["metadata"].get("creationTimestamp"),
        pending=status.get("phase") == "Pending",
        result_reason=str(result.get("reason", "")),
        result_message=str(result.get("message", "")),
        result_bytes=_whole(result.get("bytesTotal")),
        shared_blocks=result.get("sharedBlocks") is True,
        waiting=_waiting(status),
    )


def progress(lines: list[dict[str, Any]]) -> CopierProgress | None:
    """The last progress among a copier's words."""
    for line in reversed(lines):
        done, total, rate = (
            _whole(line.get(name)) for name in ("bytesDone", "bytesTotal", "bytesPerSecond")
        )
        if done is not None and total is not None and rate is not None:
            return CopierProgress(
                bytes_done=done,
                bytes_total=total,
                bytes_per_second=rate,
                verifying=line.get("verifying") is True,
            )
    return None


def _result(status: Raw) -> Raw:
    """What the copier left as its termination message."""
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        try:
            told = json_text.read(ended.get("message") or "")
        except ValueError:
            continue
        if isinstance(told, dict):
            return told
    return {}


def _whole(value: object) -> int | None:
    """A number that a status can have; whoever makes a pod with a copier's labels has it speak."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < MOST else None


def _waiting(status: Raw) -> str:
    if status.get("phase") != "Pending":
        return ""
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return f"the copier waits: {waiting.get('reason')}: {waiting['message']}"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"the copier waits: {condition.get('message', '')}"
    return ""
