"""VirtualMachines, read only: which claim each volume is on."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from detour_crds import json_text
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import VIRTUAL_MACHINES

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Client-side apply notes its manifest here
(https://kubernetes.io/docs/reference/labels-annotations-taints/)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a machine's template lets it run; what rests on its pods' own labels is left out."""

    node_selector: Json = dataclasses.field(default_factory=dict)
    node_affinity: Json = dataclasses.field(default_factory=dict)
    tolerations: tuple[Json, ...] = ()


def placement_of(machine: Mapping[str, Any]) -> Placement:
    """The fields of KubeVirt's that go into its launcher pod as they are.

    (https://kubevirt.io/user-guide/compute/node_assignment/)
    """
    spec = machine.get("spec", {}).get("template", {}).get("spec", {})
    return Placement(
        node_selector=spec.get("nodeSelector") or {},
        node_affinity=(spec.get("affinity") or {}).get("nodeAffinity") or {},
        tolerations=tuple(spec.get("tolerations") or ()),
    )


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The virtual machine of that name, or None if there is none."""
    return api.get(VIRTUAL_MACHINES, namespace, name)


def in_namespace(api: Api, namespace: str) -> list[Json]:
    """All virtual machines of a namespace."""
    return api.list(VIRTUAL_MACHINES, namespace)


def claims_of(machine: Mapping[str, Any]) -> dict[str, str | None]:
    """The claim of each volume of the VM's template; None for a volume that is on none.

    A DataVolume's claim has its name
    (https://kubevirt.io/user-guide/storage/disks_and_volumes/#datavolume).
    """
    spec = machine.get("spec", {}).get("template", {}).get("spec", {})
    return {volume["name"]: _claim(volume) for volume in spec.get("volumes") or []}


def applied_claims_of(machine: Mapping[str, Any]) -> dict[str, str | None]:
    """The same, of the manifest that was applied last; empty where none was noted."""
    noted = (machine["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        applied = json_text.read(noted or "{}")
        return claims_of(applied)
    except (ValueError, TypeError, AttributeError, KeyError):
        return {}  # anybody may write an annotation


def using(api: Api, namespace: str, claim: str) -> Iterator[str]:
    """The virtual machines that name the claim, running or not."""
    for machine in api.list(VIRTUAL_MACHINES, namespace):
        if claim in claims_of(machine).values():
            yield machine["metadata"]["name"]


def _claim(volume: Mapping[str, Any]) -> str | None:
    claim = volume.get("persistentVolumeClaim") or {}
    data_volume = volume.get("dataVolume") or {}
    name = claim.get("claimName") or data_volume.get("name")
    return str(name) if name else None
