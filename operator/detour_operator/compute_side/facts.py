"""Reads the API's JSON into the facts of ``observation``; pure.

The fields are those of KubeVirt 1.8 and 1.9 (KubeVirt facts 9).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from detour_crds.names import (
    HOLDS_ANNOTATION,
    OVERLAY_OF_ANNOTATION,
    SUPERSEDED_BY_ANNOTATION,
    SUPERSEDED_FOR_ANNOTATION,
    SUPERSEDED_LABEL,
    fence_annotation,
    held_on,
)
from detour_operator.compute_side.observation import Budget, Claim, Instance, Machine, Pod
from detour_operator.compute_side.ownership import declared_by
from detour_operator.compute_side.run_strategy import starts

Json = Mapping[str, Any]

CREATED_BY_LABEL = "kubevirt.io/created-by"
"""On launcher pods, and in the selector of their budget: the uid of the instance."""
DISK_KINDS = ("disk", "lun", "cdrom", "floppy")
BLOCK_TRACKING_OFF = ("", "Undefined", "Disabled", "FGDisabled")
"""States of ``changedBlockTracking`` in which the disk has no data store of its own."""

DUMPED = ("Completed", "Failed")
"""Phases in which a memory dump is over (KubeVirt's ``types.go``, ``MemoryDumpPhase``)."""


def machine(raw: Json, volume: str) -> Machine:
    """The VirtualMachine."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    found = named(_template(raw).get("volumes"), volume)
    devices = (_template(raw).get("domain") or {}).get("devices") or {}
    disk = named(devices.get("disks"), volume)
    return Machine(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        deleting=_deleting(raw),
        has_volume=found is not None,
        claim=claim_of(found),
        strategy=spec.get("updateVolumesStrategy") or "",
        snapshot=status.get("snapshotInProgress") or "",
        restore=status.get("restoreInProgress") or "",
        restart_required=_is_true(raw, "RestartRequired"),
        state_change=bool(status.get("stateChangeRequests") or status.get("volumeRequests")),
        shareable=_shareable(disk),
        lun=_disk_kind(disk) == "lun",
        memory_dump=(status.get("memoryDumpRequest") or {}).get("phase", DUMPED[0]) not in DUMPED,
        kept_running=_kept_running(spec),
        has_template=_has_template(spec, claim_of(found)),
        declared_by=declared_by(raw),
        starts=starts(raw),
        shown=status.get("printableStatus") or "",
        others=_others(_template(raw).get("volumes"), volume),
    )


def _kept_running(spec: Json) -> bool:
    strategy = spec.get("runStrategy") or ("Always" if spec.get("running") else "")
    return strategy in ("Always", "RerunOnFailure")


def instance(raw: Json, volume: str) -> Instance:
    """The VirtualMachineInstance."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    devices = (spec.get("domain") or {}).get("devices") or {}
    found, disk = named(spec.get("volumes"), volume), named(devices.get("disks"), volume)
    shown = named(status.get("volumeStatus"), volume) or {}
    migrated = status.get("migratedVolumes") or []
    ours = is_own_handover(migrated, volume)
    return Instance(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        phase=status.get("phase") or "",
        deleting=_deleting(raw),
        node=status.get("nodeName"),
        claim=claim_of(found),
        claim_in_status=(shown.get("persistentVolumeClaimInfo") or {}).get("claimName"),
        fence=(raw["metadata"].get("annotations") or {}).get(fence_annotation(volume)),
        handing_over=ours,
        volumes_changing=_is_true(raw, "VolumesChange") or (bool(migrated) and not ours),
        paused=_is_true(raw, "Paused"),
        migrating=_migrating(status.get("migrationState")),
        block_tracking=_block_tracking(status),
        disk=_disk_kind(disk),
        shareable=_shareable(disk),
        hotplugged="hotplugVolume" in shown or _hotpluggable(found),
        se_linux_level=se_linux_level(status.get("selinuxContext") or ""),
        others=_others(spec.get("volumes"), volume),
    )


def pod(raw: Json) -> Pod:
    """A launcher or holder pod; ``owner`` is the uid of its only owner."""
    spec, status, owners = raw.get("spec") or {}, raw.get("status") or {}, _owners(raw)
    states = status.get("containerStatuses") or []
    started = bool(states) and all("running" in (item.get("state") or {}) for item in states)
    return Pod(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        node=spec.get("nodeName"),
        pinned=_pinned(spec),
        phase=status.get("phase") or "",
        running=status.get("phase") == "Running" and started,
        deleting=_deleting(raw),
        owner=owners[0] if len(owners) == 1 else None,
        claims=tuple(claims_of_pod(raw)),
        trouble=_trouble(status),
    )


def budget(raw: Json) -> Budget:
    """The PodDisruptionBudget of the move."""
    selector = (raw.get("spec") or {}).get("selector") or {}
    return Budget(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        instance=(selector.get("matchLabels") or {}).get(CREATED_BY_LABEL),
        deleting=_deleting(raw),
    )


def claim(raw: Json) -> Claim:
    """A PersistentVolumeClaim, without its sizes (``adapters.claims.sizes``)."""
    spec, annotations = raw.get("spec") or {}, raw["metadata"].get("annotations") or {}
    marked = SUPERSEDED_LABEL in (raw["metadata"].get("labels") or {})
    return Claim(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        deleting=_deleting(raw),
        volume_mode=spec.get("volumeMode") or "Filesystem",
        access_modes=tuple(spec.get("accessModes") or ()),
        storage_class=spec.get("storageClassName"),
        made_for=annotations.get(OVERLAY_OF_ANNOTATION),
        superseded_for=annotations.get(SUPERSEDED_FOR_ANNOTATION, "") if marked else None,
        superseded_by=annotations.get(SUPERSEDED_BY_ANNOTATION) if marked else None,
        holds=held_on(annotations.get(HOLDS_ANNOTATION), raw["metadata"]["uid"]),
    )


def claim_of(volume: Json | None) -> str | None:
    """The claim a volume names; a DataVolume's claim has its name."""
    if volume is None:
        return None
    if volume.get("persistentVolumeClaim"):
        return str(volume["persistentVolumeClaim"]["claimName"])
    return str(volume["dataVolume"]["name"]) if volume.get("dataVolume") else None


def _others(volumes: Iterable[Json] | None, volume: str) -> tuple[tuple[str, str], ...]:
    found = ((item["name"], claim_of(item)) for item in volumes or [] if item["name"] != volume)
    return tuple((name, claim) for name, claim in found if claim is not None)


def claims_of_pod(raw: Json) -> Iterable[str]:
    """The claims a pod mounts."""
    for volume in (raw.get("spec") or {}).get("volumes") or []:
        if volume.get("persistentVolumeClaim"):
            yield volume["persistentVolumeClaim"]["claimName"]


def named(items: Iterable[Json] | None, name: str) -> Json | None:
    """The item of that name in a list of KubeVirt's or Kubernetes'."""
    return next((item for item in items or [] if item.get("name") == name), None)


def is_own_handover(migrated: Iterable[Json], volume: str) -> bool:
    """Whether ``migratedVolumes`` is the list that Detour writes.

    Its entries name one claim as source and destination; KubeVirt's own name two.
    """
    entries = list(migrated)
    same = all(
        (item.get("sourcePVCInfo") or {}).get("claimName")
        == (item.get("destinationPVCInfo") or {}).get("claimName")
        for item in entries
    )
    return same and any(item.get("volumeName") == volume for item in entries)


def se_linux_level(context: str) -> str:
    """The level (``s0:c1,c2``) in ``user:role:type:level``; empty without SELinux ("none")."""
    parts = context.split(":", 3)
    return parts[3] if len(parts) == 4 else ""  # noqa: PLR2004 - the four parts of a context


def _has_template(spec: Json, claim: str | None) -> bool:
    templates = spec.get("dataVolumeTemplates") or []
    return claim is not None and any(item["metadata"]["name"] == claim for item in templates)


def _template(raw: Json) -> Json:
    template = (raw.get("spec") or {}).get("template") or {}
    return dict(template.get("spec") or {})


def _deleting(raw: Json) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp"))


def _is_true(raw: Json, kind: str) -> bool:
    conditions = (raw.get("status") or {}).get("conditions") or []
    return any(item.get("type") == kind and item.get("status") == "True" for item in conditions)


def _migrating(state: Json | None) -> bool:
    if not state:
        return False
    return not (state.get("completed") or state.get("failed") or state.get("endTimestamp"))


def _block_tracking(status: Json) -> bool:
    state = (status.get("changedBlockTracking") or {}).get("state") or ""
    return state not in BLOCK_TRACKING_OFF


def _disk_kind(disk: Json | None) -> str | None:
    if disk is None:
        return None
    return next((kind for kind in DISK_KINDS if kind in disk), "disk")


def _shareable(disk: Json | None) -> bool:
    return bool((disk or {}).get("shareable"))


def _hotpluggable(volume: Json | None) -> bool:
    kinds = ("persistentVolumeClaim", "dataVolume")
    return any(((volume or {}).get(kind) or {}).get("hotpluggable") for kind in kinds)


def _pinned(spec: Json) -> str | None:
    """The node that Detour's own pods are bound to (``holder.on_node``)."""
    wanted = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = wanted.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or []:
        for field in term.get("matchFields") or []:
            if field.get("operator") == "In" and len(field.get("values") or []) == 1:
                return str(field["values"][0])
    return None


def _owners(raw: Json) -> list[str]:
    return [owner["uid"] for owner in raw["metadata"].get("ownerReferences") or []]


def _trouble(status: Json) -> str:
    """Why a pod does not run, in the words of the scheduler or the kubelet."""
    for item in status.get("containerStatuses") or []:
        waiting = (item.get("state") or {}).get("waiting") or {}
        if waiting.get("message") or waiting.get("reason"):
            return str(waiting.get("message") or waiting.get("reason"))
    for item in status.get("conditions") or []:
        if item.get("status") == "False" and item.get("message"):
            return str(item["message"])
    return ""
