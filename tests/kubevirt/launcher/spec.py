"""Reads of a VirtualMachineInstance that several parts of the launcher need; pure."""

import uuid

# KubeVirt derives the firmware's uuid from the name where the manifest gives none.
FIRMWARE_NAMESPACE = uuid.UUID("6a1a24a1-4061-4607-8bf4-a3963d0c5895")
MIB = 1 << 20
SUFFIXES = {
    "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
}  # fmt: skip


def quantity(text: str | int) -> int:
    """The bytes of a Kubernetes quantity, fractions rounded down."""
    text = str(text)
    for suffix, factor in SUFFIXES.items():
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * factor)
    return int(float(text))


def domain_name(vmi: dict) -> str:
    """The libvirt domain's name: `<namespace>_<name>` (KubeVirt facts 2)."""
    return f"{vmi['metadata']['namespace']}_{vmi['metadata']['name']}"


def firmware_uuid(vmi: dict) -> str:
    """The firmware's uuid, the manifest's or the one derived from the name (KubeVirt facts 1)."""
    given = vmi["spec"].get("domain", {}).get("firmware", {}).get("uuid")
    return given or str(uuid.uuid5(FIRMWARE_NAMESPACE, vmi["metadata"]["name"]))


def claim_name(volume: dict) -> str | None:
    """The claim a volume names, by itself or through a DataVolume of the same name."""
    if "persistentVolumeClaim" in volume:
        return volume["persistentVolumeClaim"]["claimName"]
    if "dataVolume" in volume:
        return volume["dataVolume"]["name"]
    return None


def claim_volumes(vmi: dict) -> list[dict]:
    """The volumes that are claims, in the manifest's order."""
    return [v for v in vmi["spec"].get("volumes") or [] if claim_name(v)]


def volume_status(vmi: dict, name: str) -> dict:
    """The entry of `status.volumeStatus`, empty where there is none."""
    for entry in vmi.get("status", {}).get("volumeStatus") or []:
        if entry["name"] == name:
            return entry
    return {}


def claim_info(vmi: dict, name: str) -> dict:
    """What the VMI says about a volume's claim."""
    return volume_status(vmi, name).get("persistentVolumeClaimInfo") or {}


def is_block(vmi: dict, name: str) -> bool:
    """Whether the VMI says that a volume's claim is a device."""
    return claim_info(vmi, name).get("volumeMode") == "Block"


def is_hotplugged(vmi: dict, name: str) -> bool:
    """Whether a volume is not the launcher pod's own, but plugged in."""
    declared = any(v["name"] == name and is_hotpluggable(v) for v in claim_volumes(vmi))
    return declared or "hotplugVolume" in volume_status(vmi, name)


def is_hotpluggable(volume: dict) -> bool:
    """Whether a volume is declared as one that comes and goes while the guest runs."""
    source = volume.get("persistentVolumeClaim") or volume.get("dataVolume") or {}
    return bool(source.get("hotpluggable"))


def is_shared(vmi: dict, name: str) -> bool:
    """Whether the volume's claim may be used by several nodes at once."""
    return "ReadWriteMany" in (claim_info(vmi, name).get("accessModes") or [])


def disk_capacity(info: dict) -> int | None:
    """The size a claim gives a disk: the smaller of its capacity and what was asked for, in bytes.

    KubeVirt uses the request where the provisioner gave more
    (pkg/host-disk/host-disk.go, replaceForHostDisk), aligned down to 1 MiB.
    """
    capacity = (info.get("capacity") or {}).get("storage")
    if capacity is None:
        return None
    requested = (info.get("requests") or {}).get("storage", capacity)
    return align(min(quantity(capacity), quantity(requested)))


def possible_guest_size(info: dict) -> int | None:
    """The size KubeVirt grows a disk to: the claim less the file system's overhead.

    KubeVirt facts 3.
    """
    capacity = disk_capacity(info)
    if capacity is None or info.get("filesystemOverhead") is None:
        return None
    return align(int((1 - float(info["filesystemOverhead"])) * capacity)) or None


def align(size: int) -> int:
    """A size rounded down to a whole MiB."""
    return size // MIB * MIB
