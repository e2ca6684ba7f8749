"""Objects of the API as the observation has them."""

import json
from collections.abc import Mapping
from typing import Any

from detour_crds import names
from detour_operator.adapters.claims import bytes_of
from detour_operator.adapters.jobs import SWITCH_UID_ANNOTATION, TOKEN_ANNOTATION
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.adapters.virtual_machines import claims_of
from detour_operator.reconcile.objects import meta_of
from detour_operator.storage_side.observation import (
    CopierProgress,
    SeenClaim,
    SeenCopier,
    SeenJob,
    SeenSwitch,
    SeenVirtualMachine,
)

Raw = Mapping[str, Any]


def switch(found: FoundSwitch, migration_uid: str) -> SeenSwitch:
    """A switch, and whether it is the migration's own."""
    owners = found.raw["metadata"].get("ownerReferences") or []
    ours = any(owner.get("uid") == migration_uid for owner in owners)
    return SeenSwitch(meta=found.meta, spec=found.spec, status=found.status, ours=ours)


def virtual_machine(raw: Raw) -> SeenVirtualMachine:
    """A VirtualMachine."""
    meta = meta_of(raw)
    return SeenVirtualMachine(name=meta.name, uid=meta.uid, claims=claims_of(raw))


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
    )


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
        switch_uid=meta.annotations.get(SWITCH_UID_ANNOTATION, ""),
        token=meta.annotations.get(TOKEN_ANNOTATION, ""),
        finished="Complete" in told or "Failed" in told,
        failed="Failed" in told,
        failure_reason=failure.get("reason", ""),
        failure_message=failure.get("message", ""),
        suspended=bool(raw["spec"].get("suspend")),
    )


def copier(raw: Raw) -> SeenCopier:
    """A copier's pod."""
    status = raw.get("status") or {}
    result = _result(status)
    return SeenCopier(
        name=raw["metadata"]["name"],
        # Unknown is a phase too, of a pod whose node is away: its copier may live.
        ended=status.get("phase") in ("Succeeded", "Failed"),
        result_reason=str(result.get("reason", "")),
        result_message=str(result.get("message", "")),
        waiting=_waiting(status),
    )


def progress(lines: list[dict[str, Any]]) -> CopierProgress | None:
    """The last progress among a copier's words."""
    for line in reversed(lines):
        done, total, rate = (
            line.get(name) for name in ("bytesDone", "bytesTotal", "bytesPerSecond")
        )
        if isinstance(done, int) and isinstance(total, int) and isinstance(rate, int):
            return CopierProgress(bytes_done=done, bytes_total=total, bytes_per_second=rate)
    return None


def _result(status: Raw) -> Raw:
    """What the copier left as its termination message."""
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        try:
            told = json.loads(ended.get("message") or "")
        except ValueError:
            continue
        if isinstance(told, dict):
            return told
    return {}


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
