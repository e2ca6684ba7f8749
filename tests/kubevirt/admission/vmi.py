"""What virt-api lets happen to a VirtualMachineInstance (KubeVirt facts 6.1)."""

from kubevirt.objects import SERVICE_ACCOUNTS, VMI_FINALIZER, claim_name, now

from .verdict import ALLOWED, Verdict, denied

RESTRICTED = "update of VMI object is restricted"


def mutate(request: dict) -> Verdict:
    """Defaults on creation; a status change by anybody but KubeVirt is silently taken back.

    KubeVirt facts 6.1.
    """
    new, old = request["object"], request.get("oldObject") or {}
    if request["operation"] == "CREATE":
        return Verdict(patch=_defaults(new, request))
    if by_kubevirt(request) or new.get("status") == old.get("status"):
        return ALLOWED
    if "status" in old:
        return Verdict(patch=[{"op": "add", "path": "/status", "value": old["status"]}])
    return Verdict(patch=[{"op": "remove", "path": "/status"}])


def _defaults(vmi: dict, request: dict) -> list[dict]:
    """Finalizer, first status and the unprivileged user (KubeVirt facts 1 and 9)."""
    finalizers = vmi["metadata"].get("finalizers") or []
    if VMI_FINALIZER not in finalizers:
        finalizers = [*finalizers, VMI_FINALIZER]
    given = vmi.get("status") or {} if by_kubevirt(request) else {}
    status = given | {
        "phase": "Pending",
        "phaseTransitionTimestamps": [{"phase": "Pending", "phaseTransitionTimestamp": now()}],
        "runtimeUser": 107,
    }
    return [
        {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
        {"op": "add", "path": "/status", "value": status},
    ]


def by_kubevirt(request: dict) -> bool:
    """Whether one of KubeVirt's own accounts asks, or somebody who impersonates it."""
    return request["userInfo"]["username"] in SERVICE_ACCOUNTS


def admit_create(request: dict) -> Verdict:
    """The essentials of what a VMI must be."""
    return admit_spec(request["object"].get("spec") or {}, "spec")


def admit_spec(spec: dict, where: str) -> Verdict:
    """Disks need volumes of their name, and names are unique."""
    volumes = [volume["name"] for volume in spec.get("volumes") or []]
    disks = spec.get("domain", {}).get("devices", {}).get("disks") or []
    for name in volumes:
        if volumes.count(name) > 1:
            return denied(f"{where}.volumes must not have the same Name.")
    for index, disk in enumerate(disks):
        if disk["name"] not in volumes:
            return denied(
                f"{where}.domain.devices.disks[{index}].Name '{disk['name']}' not found."
            )
    return ALLOWED


def admit_update(request: dict) -> Verdict:
    """Spec changes are KubeVirt's alone; even it may not change what was there at the start.

    KubeVirt facts 6.1.
    """
    new, old = request["object"], request["oldObject"]
    if new.get("spec") != old.get("spec"):
        if not by_kubevirt(request):
            return denied(RESTRICTED)
        verdict = admit_storage(new, old)
        if not verdict.allowed:
            return verdict
    if not by_kubevirt(request) and _own_labels(new) != _own_labels(old):
        return denied(
            "modification of the following reserved kubevirt.io/ labels on a VMI object "
            "is prohibited"
        )
    return ALLOWED


def _own_labels(vmi: dict) -> dict:
    labels = vmi["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key.startswith("kubevirt.io/")}


def admit_storage(new: dict, old: dict) -> Verdict:
    """AdmitHotplugStorage: permanent volumes stay, unless the request lists them as migrated.

    KubeVirt facts 6.1.
    """
    migrated = {m["volumeName"] for m in new.get("status", {}).get("migratedVolumes") or []}
    volumes, before = _by_name(new), _by_name(old)
    disks = {
        d["name"] for d in new["spec"].get("domain", {}).get("devices", {}).get("disks") or []
    }
    if len(volumes) != len(disks | _diskless(new)):
        return denied("number of disks does not equal the number of volumes")
    hotplugged = {
        entry["name"]
        for entry in old.get("status", {}).get("volumeStatus") or []
        if "hotplugVolume" in entry
    }
    permanent = before.keys() - hotplugged
    if not permanent <= volumes.keys():
        return denied("Number of permanent volumes has changed")
    for name, volume in volumes.items():
        if name in permanent:
            if volume != before[name] and name not in migrated:
                return denied(f"permanent volume {name}, changed")
        elif name in before:
            if volume != before[name] and name not in migrated:
                return denied(f"hotplug volume {name}, changed")
        elif claim_name(volume) is None:
            return denied(f"volume {name} is not a PVC or DataVolume")
    return ALLOWED


def _by_name(vmi: dict) -> dict[str, dict]:
    return {volume["name"]: volume for volume in vmi["spec"].get("volumes") or []}


def _diskless(vmi: dict) -> set[str]:
    """Volumes that need no disk."""
    filesystems = vmi["spec"].get("domain", {}).get("devices", {}).get("filesystems") or []
    return {f["name"] for f in filesystems} | {
        name for name, volume in _by_name(vmi).items() if "memoryDump" in volume
    }
