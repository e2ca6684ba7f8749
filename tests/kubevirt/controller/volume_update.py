"""KubeVirt's own volume migration, begun by an edit of the VM; pure (KubeVirt facts 6.2 and 8)."""

from dataclasses import dataclass, field

from kubevirt.objects import claim_name, claim_volumes, condition, copied

from .volumes import claim_info


@dataclass(frozen=True)
class VolumeUpdate:
    """What an edit of the VM's volumes leads to.

    Attributes:
        refused: why not; the VM then needs a restart.
        patches: JSON patches of the VMI, in this order.
        migrated: the volumes for `vm.status.volumeUpdateState`.
    """

    refused: str = ""
    patches: list[list[dict]] = field(default_factory=list)
    migrated: list[dict] | None = None


NOTHING = VolumeUpdate()


def claims_of(spec: dict) -> dict[str, str]:
    """The claim of each claim volume of a template's or a VMI's spec."""
    return {v["name"]: claim_name(v) for v in spec.get("volumes") or [] if claim_name(v)}


def same_claims(vm: dict, vmi: dict) -> bool:
    """Whether VM and VMI name the same claims."""
    return claims_of(vm["spec"]["template"]["spec"]) == claims_of(vmi["spec"])


def plan(vm: dict, vmi: dict, claims: dict[str, dict]) -> VolumeUpdate:
    """KubeVirt's handleVolumeUpdateRequest.

    Args:
        vm: the VirtualMachine as edited.
        vmi: its running instance.
        claims: the namespace's claims by name.
    """
    if vm["spec"].get("updateVolumesStrategy") != "Migration" or same_claims(vm, vmi):
        return NOTHING
    before = claims_of(vmi["spec"])
    after = claims_of(vm["spec"]["template"]["spec"])
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    if not changed or any(name not in before for name in after):
        return NOTHING
    migrated = vmi.get("status", {}).get("migratedVolumes") or []
    if migrated:
        return _while_migrating(vm, vmi, migrated, after)
    refusal = _invalid(vm, vmi, changed, claims, after)
    if refusal:
        return VolumeUpdate(refused=refusal)
    infos = [
        {
            "volumeName": name,
            "sourcePVCInfo": claim_info(claims[before[name]]),
            "destinationPVCInfo": claim_info(claims[after[name]]),
        }
        for name in sorted(changed)
    ]
    return VolumeUpdate(
        patches=[
            [{"op": "add", "path": "/status/migratedVolumes", "value": infos}],
            [_replace_volumes(vm)],
        ],
        migrated=infos,
    )


def _replace_volumes(vm: dict) -> dict:
    volumes = copied(vm["spec"]["template"]["spec"]["volumes"])
    return {"op": "replace", "path": "/spec/volumes", "value": volumes}


def _while_migrating(
    vm: dict, vmi: dict, migrated: list[dict], after: dict[str, str]
) -> VolumeUpdate:
    """Only all the old claims may be put back, which cancels (KubeVirt facts 8)."""
    sources = {entry["volumeName"]: entry["sourcePVCInfo"]["claimName"] for entry in migrated}
    if any(after.get(name) != claim for name, claim in sources.items()):
        return VolumeUpdate(
            refused="The volume can only be reverted to the previous version during the update"
        )
    conditions = [
        entry
        for entry in vmi["status"].get("conditions") or []
        if entry["type"] != "VolumesChange"
    ]
    return VolumeUpdate(
        patches=[
            [_replace_volumes(vm)],
            [
                {"op": "remove", "path": "/status/migratedVolumes"},
                {"op": "replace", "path": "/status/conditions", "value": conditions},
            ],
        ]
    )


def _invalid(
    vm: dict, vmi: dict, changed: set[str], claims: dict[str, dict], after: dict[str, str]
) -> str:
    devices = vm["spec"]["template"]["spec"].get("domain", {}).get("devices") or {}
    filesystems = {entry["name"] for entry in devices.get("filesystems") or []}
    disks = {disk["name"]: disk for disk in devices.get("disks") or []}
    invalid = [
        name
        for name in sorted(changed)
        if name in filesystems
        or disks.get(name, {}).get("shareable")
        or "lun" in disks.get(name, {})
    ]
    if invalid:
        return f"invalid volumes to update with migration: {', '.join(invalid)}"
    missing = [after[name] for name in sorted(changed) if after[name] not in claims]
    if missing:
        return f"claims not found: {', '.join(missing)}"
    found = condition(vmi, "StorageLiveMigratable")
    if found and found["status"] == "False":
        return (
            f"cannot migrate the volumes as the VMI isn't migratable: {found.get('message', '')}"
        )
    left = [
        volume["name"]
        for volume in claim_volumes(vmi)
        if volume["name"] not in changed and not _shared(claims.get(claim_name(volume)))
    ]
    if left:
        return f"Invalid RWO volumes that are not migrated: {', '.join(left)}"
    return ""


def _shared(claim: dict | None) -> bool:
    return claim is not None and "ReadWriteMany" in claim["spec"].get("accessModes", [])
