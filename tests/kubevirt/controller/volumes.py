"""What virt-controller says about a VMI's claims, and when it wants a migration for them; pure."""

from kubevirt.launcher.spec import volume_status
from kubevirt.objects import (
    claim_name,
    claim_volumes,
    condition,
    has_condition,
    remove_condition,
    set_condition,
)

# KubeVirt's default where no CDI says otherwise.
FILESYSTEM_OVERHEAD = "0.055"


def claim_info(claim: dict) -> dict:
    """A claim as `persistentVolumeClaimInfo`."""
    spec, status = claim["spec"], claim.get("status") or {}
    mode = spec.get("volumeMode", "Filesystem")
    return {
        "claimName": claim["metadata"]["name"],
        "accessModes": status.get("accessModes") or spec.get("accessModes") or [],
        "volumeMode": mode,
        "capacity": status.get("capacity") or {},
        "requests": (spec.get("resources") or {}).get("requests") or {},
        "preallocated": False,
        "filesystemOverhead": "0" if mode == "Block" else FILESYSTEM_OVERHEAD,
    }


def refresh_volume_status(
    vmi: dict, claims: dict[str, dict], pod_volumes: set[str] | None
) -> None:
    """Makes `status.volumeStatus` follow the spec (KubeVirt facts 6.3).

    Args:
        vmi: changed in place.
        claims: the namespace's claims by name.
        pod_volumes: the names of the launcher pod's volumes, None while there is no pod. A volume
            the pod does not have is a hotplugged one: matching is by name alone.
    """
    fresh = []
    for volume in vmi["spec"].get("volumes") or []:
        name = volume["name"]
        entry = dict(volume_status(vmi, name)) or {"name": name, "target": ""}
        claim = claims.get(claim_name(volume) or "")
        if claim is not None:
            entry["persistentVolumeClaimInfo"] = claim_info(claim)
        if claim_name(volume) and pod_volumes is not None and name not in pod_volumes:
            entry.setdefault("hotplugVolume", {})
            entry.setdefault("phase", "Pending")
        fresh.append(entry)
    # A hotplugged volume that left the spec stays listed until it is unplugged.
    named = {entry["name"] for entry in fresh}
    fresh += [
        entry if entry.get("phase") == "UnMountedFromPod" else entry | {"phase": "Detaching"}
        for entry in vmi["status"].get("volumeStatus") or []
        if entry["name"] not in named and "hotplugVolume" in entry
    ]
    if fresh:
        vmi["status"]["volumeStatus"] = sorted(fresh, key=lambda entry: entry["name"])
    else:
        vmi["status"].pop("volumeStatus", None)


def requires_volumes_update(vmi: dict) -> bool:
    """Whether a volume migration has to be begun (requireVolumesUpdate, KubeVirt facts 6.3).

    Raises:
        KeyError: an entry lacks its claim infos; KubeVirt's controller panics there.
    """
    migrated = vmi.get("status", {}).get("migratedVolumes") or []
    if not migrated or condition(vmi, "VolumesChange") is not None:
        return False
    sources = set()
    for entry in migrated:
        sources.add(entry["sourcePVCInfo"]["claimName"])
        _ = entry["destinationPVCInfo"]["claimName"]
    return any(claim_name(volume) not in sources for volume in claim_volumes(vmi))


def set_volumes_change(vmi: dict) -> None:
    """Tells the workload updater; gone again with the migrated volumes."""
    if requires_volumes_update(vmi):
        set_condition(vmi, "VolumesChange", "True", message="migrate volumes")
    elif not vmi.get("status", {}).get("migratedVolumes") and has_condition(vmi, "VolumesChange"):
        remove_condition(vmi, "VolumesChange")
