"""What a batch finds in its namespace: machines, their instances and pods, claims."""

from typing import Any

from unit.chart.locked import KUBEVIRT, api, claim_of, pod
from unit.chart.server import Server

RUNNING, STOPPED = "web", "off"
ODD = ("paths", "nested", "bare")
"""Machines that KubeVirt takes as well, and that are of no use: their volumes name what is no
claim's name, an annotation of theirs is JSON too deep to be read, they have no volumes."""
CLASS = "x"
DISKS = ("root", "data")
SELINUX = "system_u:system_r:container_t:s0:c1,c2"


def build(server: Server, namespace: str) -> None:
    """Make everything; nothing here is Detour's."""
    server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for name in (RUNNING, STOPPED, "second"):
        for disk in DISKS:
            _claim(server, namespace, f"{name}-{disk}")
        _machine(server, namespace, name, {disk: f"{name}-{disk}" for disk in DISKS})
    for name in (RUNNING, "second"):
        _instance(server, namespace, name)
    for name in ("spare", "spare-2"):
        _claim(server, namespace, name)
    _claim(server, namespace, "small", size="1Mi")
    _claim(server, namespace, "device", volumeMode="Block")
    _claim(server, namespace, "lost", phase="Lost")
    _claim(server, namespace, "pending", phase="Pending")
    elsewhere = f"../../{namespace}/persistentvolumeclaims/web-data"
    _machine(server, namespace, "paths", {"data": "..", "up": elsewhere, "query": "x?watch=true"})
    _machine(server, namespace, "bare", {})
    noted = {"kubectl.kubernetes.io/last-applied-configuration": '{"spec":' + "[" * 100_000}
    _claim(server, namespace, "nested-data")
    _machine(server, namespace, "nested", {"data": "nested-data"}, annotations=noted)


def objects(server: Server, namespace: str) -> dict[str, dict[str, Any]]:
    """Everything of the kinds that Detour makes or changes, by path, without what always moves."""
    found = {}
    for group, plural in (
        ("", "pods"),
        ("", "persistentvolumeclaims"),
        ("batch/v1", "jobs"),
        ("policy/v1", "poddisruptionbudgets"),
        ("snapshot.storage.k8s.io/v1", "volumesnapshots"),
        ("detour.dev/v1alpha1", "volumemigrations"),
        ("detour.dev/v1alpha1", "attachmentswitches"),
        (KUBEVIRT, "virtualmachines"),
        (KUBEVIRT, "virtualmachineinstances"),
    ):
        path = f"{api(namespace, group)}/{plural}"
        for item in server.do("GET", path)["items"]:
            metadata = item["metadata"]
            for moving in ("resourceVersion", "managedFields", "generation"):
                metadata.pop(moving, None)
            found[f"{path}/{metadata['name']}"] = item
    return found


def _claim(
    server: Server, namespace: str, name: str, *, size: str = "1Gi", phase: str = "Bound",
    **spec: object,
) -> None:  # fmt: skip
    path = f"{api(namespace)}/persistentvolumeclaims"
    asked = {"resources": {"requests": {"storage": size}}, "storageClassName": CLASS}
    bound = {"volumeName": f"{namespace}-{name}"} if phase == "Bound" else {}
    server.do("POST", path, claim_of(name, **asked, **bound, **spec))
    capacity = {"capacity": {"storage": size}} if phase == "Bound" else {}
    server.do("PATCH", f"{path}/{name}/status", {"status": {"phase": phase, **capacity}})


def _template(claims: dict[str, str]) -> dict[str, Any]:
    on_claims = [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
        for volume, claim in claims.items()
    ]
    volumes = [*on_claims, {"name": "cloud", "cloudInitNoCloud": {"userData": "x"}}]
    disks = [{"name": item["name"], "disk": {"bus": "virtio"}} for item in volumes]
    return {"domain": {"devices": {"disks": disks}}, "volumes": volumes}


def _machine(
    server: Server, namespace: str, name: str, claims: dict[str, str], **metadata: object
) -> None:
    body = {
        "apiVersion": KUBEVIRT,
        "kind": "VirtualMachine",
        "metadata": {"name": name, **metadata},
        "spec": {"runStrategy": "Manual", "template": {"spec": _template(claims)}},
    }
    server.do("POST", f"{api(namespace, KUBEVIRT)}/virtualmachines", body)


def _instance(server: Server, namespace: str, name: str) -> None:
    """A guest that runs, and its launcher, on a node that is not there."""
    body = {
        "apiVersion": KUBEVIRT,
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name},
        "spec": _template({disk: f"{name}-{disk}" for disk in DISKS}),
    }
    instances = f"{api(namespace, KUBEVIRT)}/virtualmachineinstances"
    uid = server.do("POST", instances, body)["metadata"]["uid"]
    launcher = pod(f"virt-launcher-{name}", f"{name}-data", "virt-launcher")
    launcher["metadata"]["labels"]["kubevirt.io/created-by"] = uid
    launcher["spec"]["nodeName"] = "n-1"
    launcher["metadata"]["ownerReferences"] = [
        {"apiVersion": KUBEVIRT, "kind": "VirtualMachineInstance", "name": name, "uid": uid,
         "controller": True},
    ]  # fmt: skip
    pods = f"{api(namespace)}/pods"
    pod_uid = server.do("POST", pods, launcher)["metadata"]["uid"]
    states = [{"name": "c", "image": "i", "imageID": "i", "ready": True, "restartCount": 0,
               "state": {"running": {}}}]  # fmt: skip
    running = {"phase": "Running", "containerStatuses": states}
    server.do("PATCH", f"{pods}/virt-launcher-{name}/status", {"status": running})
    status = {
        "phase": "Running",
        "nodeName": "n-1",
        "activePods": {pod_uid: "n-1"},
        "selinuxContext": SELINUX,
        "volumeStatus": [
            {"name": disk, "target": f"vd{letter}",
             "persistentVolumeClaimInfo": {"claimName": f"{name}-{disk}"}}
            for letter, disk in zip("ab", DISKS, strict=True)
        ],
    }  # fmt: skip
    server.do("PATCH", f"{instances}/{name}", {"status": status})
