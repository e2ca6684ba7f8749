"""The objects that run the guest and judge its disk; the same for every KubeVirt."""

from collections.abc import Sequence
from typing import Any

IMAGE = "localhost/detour-guest:dev"
LAUNCHER_ANNOTATION = "detour.dev/test-launcher"
KERNEL = (
    *("console=ttyS0", "quiet", "no_timer_check"),
    *("nokaslr", "mitigations=off", "cryptomgr.notests"),
)
"""Arguments of the kernel; the last three save an emulated processor half a second of a boot.

The check of the timer waits for ten ticks in a time that an emulated processor of a busy machine
does not get them in, and then the kernel panics.
"""
USER = 107
DISK_GROUP = 6
VERIFIER_IMAGE_FILE = "/disk/disk.img"
VERIFIER_DEVICE = "/dev/disk-of-guest"


def virtual_machine(
    name: str,
    namespace: str,
    claim: str,
    *,
    volume: str = "data",
    fill_percent: int = 50,
    launcher: str | None = None,
    seed: int = 0,
    pause_us: int = 25000,
    largest: int = 262144,
    run_strategy: str = "Always",
    memory: str = "160Mi",
    eviction: str = "",
    disk: dict[str, Any] | None = None,
    more: dict[str, tuple[str, dict[str, Any]]] | None = None,
    writers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a VirtualMachine whose disks are claims.

    Args:
        name: its name, and that of its VMI.
        namespace: where it and the claim are.
        claim: the name of the claim.
        volume: the name of the volume and of the disk.
        fill_percent: how much of an empty disk the guest fills with data at its first boot.
        launcher: `trixie`, `sid` or `bookworm`: which launcher the stand-in for KubeVirt runs.
        seed: makes the operations the same at every boot; 0 lets each boot have its own.
        pause_us: the guest's rest after each operation, in microseconds.
        largest: the largest random operation, in bytes.
        run_strategy: as KubeVirt's `runStrategy`.
        memory: the guest's memory; four bytes are needed for each 512 bytes of disk.
        eviction: as KubeVirt's `evictionStrategy`; empty for none.
        disk: what KubeVirt's `disks` says of the disk, but for its name; virtio by default.
        more: further volumes by name: the name of the claim, and the same of its disk.
        writers: the guest's names of the disks to write to; by default the first virtio disk, or
            else the first SCSI disk.
    """
    arguments: dict[str, object] = {
        "seed": seed,
        "fill": fill_percent,
        "pause_us": pause_us,
        "largest": largest,
    }
    if writers:
        arguments["disks"] = ",".join(writers)
    attached = {volume: (claim, disk or {"disk": {"bus": "virtio"}}), **(more or {})}
    annotations = {LAUNCHER_ANNOTATION: launcher} if launcher else {}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "runStrategy": run_strategy,
            "template": {
                "metadata": {"labels": {"detour.dev/guest": name}, "annotations": annotations},
                "spec": {
                    "terminationGracePeriodSeconds": 20,
                    **({"evictionStrategy": eviction} if eviction else {}),
                    "domain": _domain(
                        [{"name": name, **of} for name, (_, of) in attached.items()],
                        memory,
                        _kernel_boot(arguments),
                    ),
                    "networks": [],
                    "volumes": [
                        {"name": name, "persistentVolumeClaim": {"claimName": on}}
                        for name, (on, _) in attached.items()
                    ],
                },
            },
        },
    }


def _domain(
    disks: list[dict[str, Any]], memory: str, kernel_boot: dict[str, Any]
) -> dict[str, Any]:
    return {
        "cpu": {"cores": 1},
        "memory": {"guest": memory},
        "features": {"acpi": {}},
        "firmware": {"kernelBoot": kernel_boot},
        "devices": {
            "autoattachPodInterface": False,
            "autoattachGraphicsDevice": False,
            "logSerialConsole": True,
            "disks": disks,
        },
    }


def _kernel_boot(arguments: dict[str, object]) -> dict[str, Any]:
    words = [f"detour.{name}={value}" for name, value in arguments.items()]
    return {
        "kernelArgs": " ".join([*KERNEL, *words]),
        "container": {
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "kernelPath": "/boot/vmlinux",
            "initrdPath": "/boot/initramfs",
        },
    }


def claim(
    name: str,
    namespace: str,
    storage_class: str,
    size: str,
    access_modes: Sequence[str] = ("ReadWriteOnce",),
    *,
    volume_mode: str = "Filesystem",
) -> dict[str, Any]:
    """Return a PersistentVolumeClaim; `size` is a quantity such as `1Gi`."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": list(access_modes),
            "volumeMode": volume_mode,
            "resources": {"requests": {"storage": size}},
        },
    }


def verifier(
    name: str, namespace: str, claim: str, *, node: str = "", volume_mode: str = "Filesystem"
) -> dict[str, Any]:
    """Return a Pod that waits, with the claim read-only, for the verifier to be run in it.

    The log is passed on standard input:
    `kubectl exec -i POD -- python3 -m guest.verify --json --log - --image PATH`,
    where PATH is `VERIFIER_IMAGE_FILE`, or `VERIFIER_DEVICE` for a block claim.
    """
    block = volume_mode == "Block"
    place: dict[str, Any] = (
        {"volumeDevices": [{"name": "disk", "devicePath": VERIFIER_DEVICE}]}
        if block
        else {"volumeMounts": [{"name": "disk", "mountPath": "/disk", "readOnly": True}]}
    )
    container = {
        "name": "verifier",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        **place,
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsUser": USER,
            "runAsGroup": USER,
            "runAsNonRoot": True,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": claim}}],
    }
    if block:
        # The runtime leaves the device's node to root and to the group disk.
        spec["securityContext"]["supplementalGroups"] = [DISK_GROUP]
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
