"""The volumes of a VirtualMachine that are on claims."""

from collections.abc import Mapping
from typing import Any

from detour_kubectl.errors import UnsuccessfulError


def volumes_on_claims(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """Names, in the VM's order."""
    spec = machine.get("spec", {}).get("template", {}).get("spec", {})
    return tuple(
        volume["name"]
        for volume in spec.get("volumes") or []
        if "persistentVolumeClaim" in volume or "dataVolume" in volume
    )


def only_volume(machine: Mapping[str, Any]) -> str:
    """The volume of a machine that has one.

    Raises:
        UnsuccessfulError: it has none, or several.
    """
    name, there = machine["metadata"]["name"], volumes_on_claims(machine)
    if len(there) == 1:
        return there[0]
    if not there:
        raise UnsuccessfulError(
            f"VirtualMachine {name} has no volume on a claim",
            "only volumes of the kinds persistentVolumeClaim and dataVolume can be moved",
        )
    raise UnsuccessfulError(
        f"VirtualMachine {name} has several volumes on claims: {', '.join(there)}",
        "name one with --volume",
    )
