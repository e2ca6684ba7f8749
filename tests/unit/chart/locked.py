"""What the lock's policies are asked about: namespaces in which a move is in various states."""

from cluster.process import wait_until
from kubevirt.crds import _crd as kubevirt_crd
from kubevirt.crds import crds
from unit.chart.chart import NAMESPACE, of_kind
from unit.chart.server import Server

OPERATOR = f"system:serviceaccount:{NAMESPACE}:detour-operator"
CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller"
KUBEVIRT_API = "system:serviceaccount:kubevirt:kubevirt-apiserver"
HANDLER = "system:serviceaccount:kubevirt:kubevirt-handler"
DRIVER = "system:serviceaccount:array:mover"
SETTINGS = ("switchDrivers[0].namespace=array", "switchDrivers[0].serviceAccount=mover")

KUBEVIRT = "kubevirt.io/v1"
CDI = "cdi.kubevirt.io/v1beta1"
CREATED_BY = "kubevirt.io/created-by"
CLASS = {
    "metadata": {"name": "x"},
    "provisioner": "test",
    "allowVolumeExpansion": True,
}
COMPUTE = {
    "locked": True,
    "token": "t-1",
    "order": "Overlay",
    "handover": "Pending",
    "sourceClaim": {"name": "old"},
    "destinationClaim": {"name": "new"},
    "overlayClaim": {"name": "web-overlay"},
    "instance": {"name": "web"},
    "launcherPod": {"name": "virt-launcher-web"},
    "holderPod": {"name": "hp-volume-detour-1"},
}
STOPPED = {
    key: value for key, value in COMPUTE.items() if key not in ("instance", "launcherPod", "order")
}
OWNED = [
    {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "name": "move",
        "uid": "1",
        "controller": True,
    }
]
NAMESPACES = {
    # A move of a running machine, and one of a stopped machine.
    "live": {"position": "Frozen", "compute": COMPUTE},
    "stopped": {"position": "Frozen", "compute": STOPPED},
    # Being merged, with the instance on the destination; then the guest, the machine not yet.
    "mirrored": {
        "position": "Frozen",
        "compute": COMPUTE | {"order": "Mirrored", "handover": "Instance"},
    },
    "switched": {
        "position": "Frozen",
        "compute": COMPUTE | {"order": "Destination", "handover": "Instance"},
    },
    # On the destination, but the instance could not be handed over.
    "restart": {
        "position": "Destination",
        "compute": COMPUTE | {"handover": "NotPermitted", "order": "Destination"},
    },
    "ended": {"position": "Destination", "compute": COMPUTE | {"locked": False}},
    # Not frozen yet, and not frozen any more.
    "locking": {"position": "", "compute": COMPUTE | {"order": ""}},
    "back": {"position": "Frozen", "compute": COMPUTE | {"order": "Source"}},
    # With a memory dump under way from before the lock, and with one that is being taken off.
    "dumping": {"position": "Frozen", "compute": COMPUTE},
    "undumping": {"position": "Frozen", "compute": COMPUTE},
    "elsewhere": None,
}
DUMPS = {"dumping": "Associating", "undumping": "Dissociating"}
"""The phase of the request that the machines of a namespace have."""


def install(server: Server) -> None:
    """As Helm does, Detour's kinds and then the policies: before the kinds that they are about."""
    define(server, *of_kind("CustomResourceDefinition").values())
    for kind, plural in (
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    ):
        for item in of_kind(kind, *SETTINGS).values():
            server.do("POST", f"/apis/{item['apiVersion']}/{plural}", item)
    define(server, *crds(), *optional_kinds())
    server.do("POST", "/apis/storage.k8s.io/v1/storageclasses", CLASS)
    for namespace, status in NAMESPACES.items():
        populate(server, namespace, status)
    told = f"{api('live')}/persistentvolumeclaims/old"
    wait_until(lambda: "is being moved" in server.refusal("DELETE", told), "the lock", 60)


def define(server: Server, *definitions: dict) -> None:
    for definition in definitions:
        server.do("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    for definition in definitions:
        name = definition["metadata"]["name"]
        wait_until(lambda name=name: _established(server, name), name, 60)


def optional_kinds() -> list[dict]:
    """Kinds that a cluster may have or not."""
    snapshots = kubevirt_crd(
        "VolumeSnapshot", "volumesnapshots", (), group="snapshot.storage.k8s.io", version="v1"
    )
    approved = {"api-approved.kubernetes.io": "unapproved, for tests"}
    snapshots["metadata"]["annotations"] = approved
    volumes = kubevirt_crd(
        "DataVolume", "datavolumes", (), group="cdi.kubevirt.io", version="v1beta1"
    )
    return [snapshots, volumes]


def _established(server: Server, name: str) -> bool:
    found = server.do("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    conditions = found.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def api(namespace: str, group: str = "") -> str:
    """The path of a group's objects in a namespace."""
    root = f"/apis/{group}" if group else "/api/v1"
    return f"{root}/namespaces/{namespace}"


def populate(server: Server, namespace: str, status: dict | None, **wished: object) -> None:
    """Two machines with all that belongs to them; one of them is moved, if it has that status."""
    server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for vm, claims in (("web", ("old", "new")), ("other", ("other", "spare"))):
        for claim in (*claims, overlay_of(vm)):
            path = f"{api(namespace)}/persistentvolumeclaims"
            server.do("POST", path, claim_of(claim, volumeName=f"{namespace}-{claim}"))
            bound = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
            server.do("PATCH", f"{path}/{claim}/status", {"status": bound})
            server.do("POST", f"{api(namespace, CDI)}/datavolumes", data_volume(claim))
        for path, item in machine(vm, claims[0]).items():
            server.do("POST", f"{api(namespace, KUBEVIRT)}/{path}", item)
        if namespace in DUMPS:
            dump = {"claimName": "dump", "phase": DUMPS[namespace]}
            path = f"{api(namespace, KUBEVIRT)}/virtualmachines/{vm}/status"
            server.do("PATCH", path, {"status": {"memoryDumpRequest": dump}})
        pods = f"{api(namespace)}/pods"
        made = pod(f"virt-launcher-{vm}", claims[0], "virt-launcher", **{CREATED_BY: f"{vm}-uid"})
        launcher = server.do("POST", pods, made)
        attached = holder(launcher, claims[1]) if vm == "web" else hotplugged(claims[1])
        server.do("POST", pods, attached)
        budgets = f"{api(namespace, 'policy/v1')}/poddisruptionbudgets"
        server.do("POST", budgets, budget(f"detour-{'move' if vm == 'web' else 'not'}"))
    if status is not None:
        path = f"{api(namespace, 'detour.dev/v1alpha1')}/attachmentswitches"
        server.do("POST", path, switch(OWNED if namespace == "stopped" else [], **wished))
        server.do("PATCH", f"{path}/move/status", {"status": status})


def overlay_of(vm: str) -> str:
    """The claim of the overlay of a machine's disk."""
    return f"{vm}-overlay"


def switch(owners: list[dict], **wished: object) -> dict:
    spec = {
        "virtualMachine": {"name": "web"},
        "volume": "data",
        "destination": {"claimName": "new"},
        **wished,
    }
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "AttachmentSwitch",
        "metadata": {
            "name": "move",
            "finalizers": ["detour.dev/switch"],
            "ownerReferences": owners,
        },
        "spec": spec,
    }


def claim_of(name: str, **spec: object) -> dict:
    size = {"resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "x", **size, **spec},
    }


def machine(name: str, claim: str) -> dict:
    template = {
        "domain": {"cpu": {"sockets": 1}, "memory": {"guest": "1Gi"}},
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "cloud", "cloudInitNoCloud": {}},
        ],
    }
    return {
        "virtualmachines": {
            "apiVersion": KUBEVIRT,
            "kind": "VirtualMachine",
            "metadata": {"name": name},
            "spec": {"runStrategy": "Manual", "template": {"spec": template}},
        },
        "virtualmachineinstances": {
            "apiVersion": KUBEVIRT,
            "kind": "VirtualMachineInstance",
            "metadata": {"name": name},
            "spec": template,
            "status": {"phase": "Running"},
        },
    }


def pod(name: str, claim: str, label: str = "", **labels: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels | ({"kubevirt.io": label} if label else {})},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def holder(launcher: dict, claim: str) -> dict:
    """As the operator makes it."""
    labels = {"component": "holder", "holder": "hp-volume-detour-1", "switch": "move"}
    made = pod("hp-volume-detour-1", claim, "hotplug-disk")
    made["metadata"]["labels"] |= {f"detour.dev/{name}": label for name, label in labels.items()}
    owner = {"name": launcher["metadata"]["name"], "uid": launcher["metadata"]["uid"]}
    made["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", **owner}]
    return made


def hotplugged(claim: str) -> dict:
    """KubeVirt's own attachment pod, of a volume that Detour has nothing to do with."""
    return pod("hp-volume-detour-2", claim, "hotplug-disk")


def data_volume(name: str) -> dict:
    return {
        "apiVersion": CDI,
        "kind": "DataVolume",
        "metadata": {"name": name},
        "spec": {"source": {"blank": {}}},
    }


def budget(name: str) -> dict:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "labels": {"detour.dev/component": "budget"}},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    }
