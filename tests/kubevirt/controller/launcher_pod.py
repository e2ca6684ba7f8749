"""Renders the launcher pod of a VMI; pure (KubeVirt facts 1, 4 and 9)."""

from kubevirt.launcher import paths
from kubevirt.launcher.spec import is_hotplugged, is_shared
from kubevirt.objects import (
    APP_LABEL,
    CREATED_BY_LABEL,
    DOMAIN_ANNOTATION,
    LAUNCHERS,
    TEST_LAUNCHER_ANNOTATION,
    VM_NAME_LABEL,
    claim_name,
    claim_volumes,
    owner_reference,
)

DEFAULT_GRACE = 30
# KubeVirt gives the pod this much longer than the guest.
EXTRA_GRACE = 15
# What KubeVirt reckons for QEMU and the daemons beside the guest's memory.
OVERHEAD = 180 << 20
# The launcher's own folders, and those that what virt-handler mounts comes through (KubeVirt
# facts 4).
EMPTY_DIRS = {
    "private": paths.PRIVATE,
    "public": paths.PUBLIC,
    "sockets": paths.SOCKETS,
    "ephemeral-disks": f"{paths.PUBLIC}-ephemeral-disks",
    "libvirt-runtime": paths.LIBVIRT_RUNTIME,
    "container-disks": f"{paths.PUBLIC}/container-disks",
    "hotplug-disks": paths.HOTPLUG_DISKS,
}
UNPAUSED = "kubevirt.io/virtual-machine-unpaused"
PROPAGATED = ("container-disks", "hotplug-disks")


def launcher_image(vmi: dict) -> str:
    """The image of the launcher the VMI asks for, which is the choice of libvirt and QEMU."""
    annotations = vmi["metadata"].get("annotations") or {}
    suite = annotations.get(TEST_LAUNCHER_ANNOTATION, LAUNCHERS[0])
    if suite not in LAUNCHERS:
        suite = LAUNCHERS[0]
    return f"localhost/detour-launcher-{suite}:dev"


def grace_period(vmi: dict) -> int:
    """The seconds the guest has to power off."""
    return vmi["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)


def render(vmi: dict, memory: int, claims: dict[str, dict]) -> dict:
    """The launcher pod.

    Args:
        vmi: the VirtualMachineInstance, whose *spec* decides which claims are mounted.
        memory: the guest's memory in bytes.
        claims: the claims by name.
    """
    spec = vmi["spec"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(vmi),
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "hostname": vmi["metadata"]["name"],
            "terminationGracePeriodSeconds": grace_period(vmi) + EXTRA_GRACE,
            "securityContext": {
                "runAsUser": paths.NON_ROOT,
                "runAsGroup": paths.NON_ROOT,
                "runAsNonRoot": True,
                "fsGroup": paths.NON_ROOT,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "nodeSelector": (spec.get("nodeSelector") or {}) | {"kubevirt.io/schedulable": "true"},
            "tolerations": spec.get("tolerations") or [],
            # Not ready while the guest is paused.
            "readinessGates": [{"conditionType": UNPAUSED}],
            "initContainers": _kernel_containers(vmi),
            "containers": [_compute(vmi, memory), _console(vmi)],
            "volumes": [{"name": name, "emptyDir": {}} for name in EMPTY_DIRS],
        },
    }
    for optional in ("affinity", "priorityClassName", "topologySpreadConstraints"):
        if spec.get(optional):
            pod["spec"][optional] = spec[optional]
    _mount_claims(pod, vmi, claims)
    return pod


def metadata(vmi: dict) -> dict:
    """Names, labels and annotations by which others find the pod (KubeVirt facts 9)."""
    name = vmi["metadata"]["name"]
    labels = dict(vmi["metadata"].get("labels") or {})
    # The node's name is the VMI's label, not the pod's.
    labels = {key: value for key, value in labels.items() if key != "kubevirt.io/nodeName"}
    return {
        "generateName": f"virt-launcher-{name}-",
        "namespace": vmi["metadata"]["namespace"],
        "labels": labels
        | {
            APP_LABEL: "virt-launcher",
            CREATED_BY_LABEL: vmi["metadata"]["uid"],
            VM_NAME_LABEL: name,
        },
        "annotations": (vmi["metadata"].get("annotations") or {})
        | {
            DOMAIN_ANNOTATION: name,
            "kubectl.kubernetes.io/default-container": "compute",
        },
        "ownerReferences": [owner_reference(vmi, "VirtualMachineInstance")],
    }


def _compute(vmi: dict, memory: int) -> dict:
    mounts = []
    for name, where in EMPTY_DIRS.items():
        mount = {"name": name, "mountPath": where}
        if name in PROPAGATED:
            mount["mountPropagation"] = "HostToContainer"
        mounts.append(mount)
    return {
        "name": "compute",
        "image": launcher_image(vmi),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "launcher.monitor"],
        "args": [
            "--namespace", vmi["metadata"]["namespace"],
            "--name", vmi["metadata"]["name"],
            "--uid", vmi["metadata"]["uid"],
            "--grace-period-seconds", str(grace_period(vmi)),
        ],
        "env": [{"name": "SHARED_FILESYSTEM_PATHS", "value": _shared_folders(vmi)}],
        "resources": {"requests": {"cpu": "100m", "memory": str(memory + OVERHEAD)}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            "privileged": False,
            "runAsNonRoot": True,
            "runAsUser": paths.NON_ROOT,
            "runAsGroup": paths.NON_ROOT,
        },
        "volumeMounts": mounts,
    }  # fmt: skip


def _shared_folders(vmi: dict) -> str:
    """The folders of shared filesystem claims: only these libvirt holds safe without a copy.

    KubeVirt facts 1.
    """
    folders = [
        f"{paths.VMI_DISKS}/{volume['name']}"
        for volume in claim_volumes(vmi)
        if is_shared(vmi, volume["name"]) and not is_hotplugged(vmi, volume["name"])
    ]
    return ":".join(folders)


def _console(vmi: dict) -> dict:
    """KubeVirt's guest-console-log: prints the guest's serial port, ends with the launcher."""
    uid = vmi["metadata"]["uid"]
    log, end = paths.serial_log(uid), paths.serial_log_end(uid)
    script = (
        f"tail --quiet --lines=+1 --follow=name --retry {log} 2>/dev/null & "
        f"while [ ! -e {end} ]; do sleep 0.5; done; sleep 1; kill $!"
    )
    return {
        "name": "guest-console-log",
        "image": launcher_image(vmi),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "resources": {"requests": {"cpu": "5m", "memory": "35M"}, "limits": {"memory": "60M"}},
        "securityContext": unprivileged(),
        "volumeMounts": [{"name": "private", "mountPath": paths.PRIVATE, "readOnly": True}],
    }


def unprivileged() -> dict:
    """The security context of a helper container (KubeVirt facts 5)."""
    return {
        "runAsUser": paths.NON_ROOT,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def _kernel_containers(vmi: dict) -> list[dict]:
    """Copies kernel and initrd out of the image that holds them."""
    boot = vmi["spec"]["domain"].get("firmware", {}).get("kernelBoot") or {}
    container = boot.get("container")
    if not container:
        return []
    copies = [
        f"cp {container[key]} {paths.KERNEL_BOOT}/{name}"
        for key, name in (("kernelPath", "kernel"), ("initrdPath", "initrd"))
        if container.get(key)
    ]
    return [
        {
            "name": "container-disk-binary",
            "image": container["image"],
            "imagePullPolicy": container.get("imagePullPolicy", "IfNotPresent"),
            "command": ["sh", "-c", " && ".join([f"mkdir -p {paths.KERNEL_BOOT}", *copies])],
            "resources": {"requests": {"cpu": "1m", "memory": "40M"}},
            "securityContext": unprivileged(),
            "volumeMounts": [
                {"name": "container-disks", "mountPath": f"{paths.PUBLIC}/container-disks"}
            ],
        }
    ]


def _mount_claims(pod: dict, vmi: dict, claims: dict[str, dict]) -> None:
    """Volumes named as the VMI's: files below vmi-disks, devices as /dev/<volume>.

    KubeVirt facts 4.
    """
    compute = pod["spec"]["containers"][0]
    for volume in claim_volumes(vmi):
        name, claim = volume["name"], claim_name(volume)
        if is_hotplugged(vmi, name):
            continue
        pod["spec"]["volumes"].append(
            {"name": name, "persistentVolumeClaim": {"claimName": claim}}
        )
        if claims[claim]["spec"].get("volumeMode") == "Block":
            compute.setdefault("volumeDevices", []).append(
                {"name": name, "devicePath": paths.block_device(name)}
            )
        else:
            compute["volumeMounts"].append(
                {"name": name, "mountPath": f"{paths.VMI_DISKS}/{name}"}
            )


def render_target(vmi: dict, memory: int, claims: dict[str, dict], migration: dict) -> dict:
    """The launcher pod a migration goes to: the same pod, anywhere but on the VMI's node.

    KubeVirt facts 6.4.
    """
    pod = render(vmi, memory, claims)
    pod["metadata"]["labels"]["kubevirt.io/migrationJobUID"] = migration["metadata"]["uid"]
    pod["metadata"]["annotations"]["kubevirt.io/migrationJobName"] = migration["metadata"]["name"]
    affinity = pod["spec"].setdefault("affinity", {})
    anti = affinity.setdefault("podAntiAffinity", {})
    anti.setdefault("requiredDuringSchedulingIgnoredDuringExecution", []).append(
        {
            "labelSelector": {"matchLabels": {CREATED_BY_LABEL: vmi["metadata"]["uid"]}},
            "topologyKey": "kubernetes.io/hostname",
        }
    )
    selector = migration["spec"].get("addedNodeSelector") or {}
    pod["spec"]["nodeSelector"] |= selector
    return pod
