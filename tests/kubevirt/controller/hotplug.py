"""Volumes that come and go while the guest runs; pure (KubeVirt facts 4, 5 and 11)."""

from kubevirt.launcher import paths
from kubevirt.launcher.spec import is_hotpluggable, is_hotplugged, volume_status
from kubevirt.objects import (
    APP_LABEL,
    claim_name,
    claim_volumes,
    controlled_by,
    copied,
    is_deleting,
)

from .launcher_pod import launcher_image, unprivileged

LABEL = "hotplug-disk"
SOCKET_FOLDER = "/path"
PRESSURES = ("memory-pressure", "disk-pressure", "pid-pressure", "unschedulable")


def plan(vm: dict, vmi: dict) -> list[dict]:
    """The patch that brings the VMI's plugged volumes to what the VM declares, or nothing.

    A plugged volume that differs from the VM's is unplugged, and plugged as declared once it is
    gone: a VMI that was handed to another claim goes back to the old one (KubeVirt facts 11).
    """
    declared = _named(vm["spec"]["template"]["spec"], "volumes")
    present = _named(vmi["spec"], "volumes")
    migrates = vm["spec"].get("updateVolumesStrategy") == "Migration"
    gone = {
        name
        for name, volume in present.items()
        if is_hotplugged(vmi, name)
        and volume != declared.get(name)
        and not (migrates and name in declared)
    }
    added = [
        volume
        for name, volume in declared.items()
        if is_hotpluggable(volume) and name not in present and not volume_status(vmi, name)
    ]
    if not gone and not added:
        return []
    names = {volume["name"] for volume in added}
    version = vmi["metadata"]["resourceVersion"]
    disks = _named(vm["spec"]["template"]["spec"]["domain"]["devices"], "disks")
    old_disks = vmi["spec"]["domain"]["devices"].get("disks") or []
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {
            "op": "replace",
            "path": "/spec/volumes",
            "value": [v for name, v in present.items() if name not in gone] + copied(added),
        },
        {
            "op": "add",
            "path": "/spec/domain/devices/disks",
            "value": [d for d in old_disks if d["name"] not in gone]
            + [copied(disks[name]) for name in sorted(names & disks.keys())],
        },
    ]  # fmt: skip


def _named(section: dict, key: str) -> dict[str, dict]:
    return {entry["name"]: entry for entry in section.get(key) or []}


def attachment_pods(launcher: dict, pods: list[dict]) -> list[dict]:
    """Every pod the launcher pod controls, whoever made it (AttachmentPods, KubeVirt facts 5)."""
    return [pod for pod in pods if controlled_by(pod, launcher)]


def plugged_volumes(vmi: dict, launcher: dict) -> list[dict]:
    """The claim volumes of the VMI that its launcher pod does not have, by name."""
    own = {volume["name"] for volume in launcher["spec"]["volumes"]}
    return [volume for volume in claim_volumes(vmi) if volume["name"] not in own]


def reconcile(
    vmi: dict, launcher: dict, pods: list[dict], claims: dict[str, dict]
) -> tuple[dict | None, list[dict]]:
    """The attachment pod to create, and those to delete.

    A pod whose volumes have the right *names* is kept, whatever claims it mounts; while a volume
    is not yet unplugged its pod stays (KubeVirt facts 5 and 6.3).
    """
    if any(e.get("phase") == "Detaching" for e in vmi["status"].get("volumeStatus") or []):
        return None, []
    volumes = [v for v in plugged_volumes(vmi, launcher) if claim_name(v) in claims]
    names = {volume["name"] for volume in volumes}
    existing = [pod for pod in attachment_pods(launcher, pods) if not is_deleting(pod)]
    fitting = [pod for pod in existing if _volume_names(pod) == names] if names else []
    unneeded = [pod for pod in existing if pod not in fitting[:1]]
    if names and not fitting:
        return render(vmi, launcher, volumes, claims), unneeded
    return None, unneeded


def _volume_names(pod: dict) -> set[str]:
    return {volume["name"] for volume in pod["spec"]["volumes"]} - {"hotplug-disks"}


def refresh_status(vmi: dict, launcher: dict, pods: list[dict]) -> None:
    """Says in the VMI's status which pod attaches a volume, and forgets volumes that are gone."""
    attached = attachment_pods(launcher, pods)
    kept = []
    for entry in vmi["status"].get("volumeStatus") or []:
        pod = next((p for p in attached if entry["name"] in _volume_names(p)), None)
        if entry.get("phase") == "UnMountedFromPod" and pod is None:
            continue
        if "hotplugVolume" in entry and pod is not None and entry.get("phase") == "Pending":
            _attach(entry, pod)
        kept.append(entry)
    if "volumeStatus" in vmi["status"]:
        vmi["status"]["volumeStatus"] = kept


def _attach(entry: dict, pod: dict) -> None:
    states = pod.get("status", {}).get("containerStatuses") or []
    entry["hotplugVolume"] = {"attachPodName": pod["metadata"]["name"]}
    if states and all(state.get("ready") for state in states):
        entry["hotplugVolume"]["attachPodUID"] = pod["metadata"]["uid"]
        entry["phase"] = "AttachedToNode"


def render(vmi: dict, launcher: dict, volumes: list[dict], claims: dict[str, dict]) -> dict:
    """The pod that keeps plugged volumes attached to the node (KubeVirt facts 5)."""
    node = launcher["spec"]["nodeName"]
    selector = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [selector]}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "hp-volume-",
            "namespace": vmi["metadata"]["namespace"],
            "labels": {APP_LABEL: LABEL},
            "annotations": {
                "kubevirt.io/created-by-name": vmi["metadata"]["name"],
                "kubevirt.io/created-by-uid": vmi["metadata"]["uid"],
            },
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": launcher["metadata"]["name"],
                    "uid": launcher["metadata"]["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
            },
            "tolerations": [
                {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoSchedule"}
                for what in PRESSURES
            ],
            "containers": [
                {
                    "name": "hotplug-disk",
                    "image": launcher_image(vmi),
                    "imagePullPolicy": "IfNotPresent",
                    "command": [
                        "python3",
                        "-m",
                        "launcher.attachment",
                        f"{SOCKET_FOLDER}/hp.sock",
                    ],
                    "securityContext": unprivileged(),
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "2M"},
                        "limits": {"cpu": "100m", "memory": "80M"},
                    },
                    **_places(volumes, claims),
                }
            ],
            "volumes": [
                {"name": "hotplug-disks", "emptyDir": {}},
                *(
                    {"name": v["name"], "persistentVolumeClaim": {"claimName": claim_name(v)}}
                    for v in volumes
                ),
            ],
            "securityContext": {"fsGroup": paths.NON_ROOT},
        },
    }


def _places(volumes: list[dict], claims: dict[str, dict]) -> dict:
    """Where the pod has the volumes: files by name, devices below the folder virt-handler sees.

    KubeVirt facts 4 and 5.
    """
    mounts = [
        {
            "name": "hotplug-disks",
            "mountPath": SOCKET_FOLDER,
            "mountPropagation": "HostToContainer",
        }
    ]
    nodes = []
    for volume in volumes:
        name, claim = volume["name"], claims[claim_name(volume)]
        if claim["spec"].get("volumeMode") == "Block":
            path = f"{SOCKET_FOLDER}/{name}/{claim['metadata']['uid']}"
            nodes.append({"name": name, "devicePath": path})
        else:
            mounts.append({"name": name, "mountPath": f"/{name}"})
    return {"volumeMounts": mounts} | ({"volumeDevices": nodes} if nodes else {})
