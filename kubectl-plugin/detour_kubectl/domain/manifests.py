"""The VolumeMigrations that the plugin creates: what anybody could apply."""

import dataclasses
from typing import Any

from detour_crds import names
from detour_crds.serialise import serialise
from detour_crds.volume_migration import (
    ClaimTemplate,
    Destination,
    VirtualMachineRef,
    VolumeMode,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to move where; of ``to_class`` and ``to_claim`` one is given at most.

    With neither, the new claim is of the source's own class. ``volume_mode`` is the new claim's,
    the source's if it is None.
    """

    machine: str
    volume: str
    to_class: str | None = None
    to_claim: str | None = None
    volume_mode: VolumeMode | None = None
    overwrite: bool = False
    hold: bool = False


def move(wish: Wish, namespace: str, name: str) -> dict[str, Any]:
    """The VolumeMigration; its new claim has its name."""
    return _manifest({"name": name, "namespace": namespace}, _spec(wish, None))


def dry_run(wish: Wish, namespace: str, name: str) -> dict[str, Any]:
    """The dry run of the move of that name, under a name of its own that the server makes up."""
    meta = {"generateName": f"{name[:50].rstrip('-.')}-dry-run-", "namespace": namespace}
    return _manifest(meta, {**_spec(wish, name), "dryRun": True})


def _spec(wish: Wish, claim: str | None) -> dict[str, Any]:
    machine = VirtualMachineRef(name=wish.machine)
    hold = {"hold": True} if wish.hold else {}
    destination = serialise(_destination(wish, claim))
    if not wish.overwrite:
        del destination["overwrite"]
    return {
        "virtualMachine": serialise(machine),
        "volume": wish.volume,
        "destination": destination,
        **hold,
    }


def _destination(wish: Wish, claim: str | None) -> Destination:
    if wish.to_claim is not None:
        return Destination(claim_name=wish.to_claim, overwrite=wish.overwrite)
    template = ClaimTemplate(
        name=claim, storage_class_name=wish.to_class, volume_mode=wish.volume_mode
    )
    return Destination(claim_template=template)


def _manifest(meta: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "VolumeMigration",
        "metadata": meta,
        "spec": spec,
    }
