"""JSON patches (RFC 6902) of the virtual machine and its instance, exact to the letter.

Recovery rule R5: each tests the uid, and what it replaces as it was read. Each tests the resource
version too: one that was made from an older look, by an operator that has lost its lease, changes
nothing.
"""

from collections.abc import Mapping
from typing import Any

from detour_crds.names import WOKEN_ANNOTATION, fence_annotation
from detour_operator.compute_side.facts import claim_of, named

Json = Mapping[str, Any]
Operation = dict[str, Any]

VOLUMES = "/spec/volumes"
TEMPLATE_VOLUMES = "/spec/template/spec/volumes"
STRATEGY = "/spec/updateVolumesStrategy"
TEMPLATES = "/spec/dataVolumeTemplates"
MIGRATED = "/status/migratedVolumes"
ANNOTATIONS = "/metadata/annotations"
MIGRATION = "Migration"


def open_fence(instance: Json, volume: str, token: str) -> list[Operation]:
    """Annotate the instance with the token under which it may be handed over."""
    made = [] if instance["metadata"].get("annotations") else [_add(ANNOTATIONS, {})]
    return [*_as_read(instance), *made, _add(_fence(volume), token)]


def close_fence(instance: Json, volume: str) -> list[Operation]:
    """Remove that annotation, whatever token it holds."""
    value = instance["metadata"]["annotations"][fence_annotation(volume)]
    return [*_as_read(instance), _test(_fence(volume), value), _remove(_fence(volume))]


def hand_instance(instance: Json, volume: str, new: Json, token: str) -> list[Operation]:
    """Point the instance's volume at another claim (the object ``new``), in one atomic patch.

    KubeVirt admits the change of a volume that ``migratedVolumes`` names. Every volume on a claim
    is named, with one claim as source and destination, so that KubeVirt's controller finds nothing
    to migrate, and finds both claims it dereferences (KubeVirt facts 6.3, 11).
    """
    index, old = _volume(instance["spec"]["volumes"], volume)
    return [
        *_as_read(instance),
        _test(_fence(volume), token),
        _test(f"{VOLUMES}/{index}", old),
        _replace(f"{VOLUMES}/{index}", _on_claim(old, new["metadata"]["name"])),
        _add(MIGRATED, _migrated(instance, volume, new)),
    ]


def finish_instance(instance: Json) -> list[Operation]:
    """Take ``migratedVolumes`` away again: it serves the one request above (row U6)."""
    migrated = instance["status"]["migratedVolumes"]
    return [*_as_read(instance), _test(MIGRATED, migrated), _remove(MIGRATED)]


def take_strategy_off(machine: Json) -> list[Operation]:
    """Remove the strategy Migration from the virtual machine."""
    return [*_as_read(machine), _test(STRATEGY, MIGRATION), _remove(STRATEGY)]


def put_strategy_back(machine: Json, strategy: str) -> list[Operation]:
    """Set the strategy as it was, or remove it if there was none."""
    if strategy:
        return [*_as_read(machine), _add(STRATEGY, strategy)]
    return [*_as_read(machine), _remove(STRATEGY)]


def hand_machine(machine: Json, volume: str, claim: str, *, live: bool) -> list[Operation]:
    """Point the virtual machine at a claim for its next start.

    A template of the source DataVolume must go in the same patch: KubeVirt refuses one that no
    volume names (KubeVirt facts 6.2).
    """
    index, old = _volume(machine["spec"]["template"]["spec"]["volumes"], volume)
    where = f"{TEMPLATE_VOLUMES}/{index}"
    return [
        *_as_read(machine),
        _test(where, old),
        _replace(where, _on_claim(old, claim)),
        *([_add(STRATEGY, MIGRATION)] if live else []),
        *_without_template(machine, old, claim),
    ]


def wake(raw: Json) -> tuple[list[Operation], list[Operation]]:
    """Two patches that KubeVirt's controller hears of, and that leave nothing behind."""
    made = [] if raw["metadata"].get("annotations") else [_add(ANNOTATIONS, {})]
    same, woken = _test("/metadata/uid", raw["metadata"]["uid"]), _annotation(WOKEN_ANNOTATION)
    return [*_as_read(raw), *made, _add(woken, "true")], [same, _remove(woken)]


def _without_template(machine: Json, old: Json, claim: str) -> list[Operation]:
    templates = machine["spec"].get("dataVolumeTemplates") or []
    for index, template in enumerate(templates):
        name = template["metadata"]["name"]
        if name == claim_of(old) != claim:
            where = f"{TEMPLATES}/{index}"
            return [_test(f"{where}/metadata/name", name), _remove(where)]
    return []


def _migrated(instance: Json, volume: str, new: Json) -> list[Operation]:
    spec = new.get("spec") or {}
    info = {
        "claimName": new["metadata"]["name"],
        "accessModes": list(spec.get("accessModes") or []),
        "volumeMode": spec.get("volumeMode") or "Filesystem",
    }
    entries = [_entry(volume, info)]
    for other in instance["spec"]["volumes"]:
        claim = claim_of(other)
        if claim is not None and other["name"] != volume:
            entries.append(_entry(other["name"], _shown(instance, other["name"], claim)))
    return entries


def _shown(instance: Json, volume: str, claim: str) -> Operation:
    """What KubeVirt itself shows of the claim of another volume."""
    shown = named((instance.get("status") or {}).get("volumeStatus"), volume) or {}
    info = shown.get("persistentVolumeClaimInfo") or {}
    known = {key: info[key] for key in ("accessModes", "volumeMode") if key in info}
    return {"claimName": claim, "volumeMode": "Filesystem", **known}


def _entry(volume: str, info: Operation) -> Operation:
    return {"volumeName": volume, "sourcePVCInfo": info, "destinationPVCInfo": info}


def _volume(volumes: list[Json], name: str) -> tuple[int, Json]:
    return next((index, item) for index, item in enumerate(volumes) if item["name"] == name)


def _on_claim(old: Json, claim: str) -> Operation:
    """The volume on a claim; what else was said of it, as ``hotpluggable``, stays."""
    kept = old.get("persistentVolumeClaim") or {}
    if (old.get("dataVolume") or {}).get("hotpluggable"):
        kept = {"hotpluggable": True}
    return {"name": old["name"], "persistentVolumeClaim": {**kept, "claimName": claim}}


def _as_read(raw: Json) -> list[Operation]:
    metadata = raw["metadata"]
    return [
        _test("/metadata/uid", metadata["uid"]),
        _test("/metadata/resourceVersion", metadata["resourceVersion"]),
    ]


def _fence(volume: str) -> str:
    return _annotation(fence_annotation(volume))


def _annotation(name: str) -> str:
    return f"{ANNOTATIONS}/{name.replace('~', '~0').replace('/', '~1')}"


def _test(path: str, value: Any) -> Operation:
    return {"op": "test", "path": path, "value": value}


def _add(path: str, value: Any) -> Operation:
    return {"op": "add", "path": path, "value": value}


def _replace(path: str, value: Any) -> Operation:
    return {"op": "replace", "path": path, "value": value}


def _remove(path: str) -> Operation:
    return {"op": "remove", "path": path}
