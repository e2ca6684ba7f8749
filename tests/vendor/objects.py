"""What the controller creates."""

import dataclasses
from typing import Any

Object = dict[str, Any]

API_VERSION = "detour.dev/v1alpha1"
COMPONENT_LABEL = "detour.dev/component"
"""The lock refuses pods on the claims of a move; those with this label it lets pass."""
MOVE_LABEL = "vendor.example/move"
QEMU = 107
"""Images belong to this user and group in KubeVirt."""
COPY = """
cp --sparse=always /source/disk.img /destination/disk.img
sync /destination/disk.img
"""


@dataclasses.dataclass(frozen=True)
class Move:
    """What is asked for; ``name`` is that of the switch, ``image`` has a shell, cp and sync."""

    name: str
    namespace: str
    machine: str
    volume: str
    source: str
    destination: str
    image: str


def switch(move: Move) -> Object:
    """The switch to create, which is start."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AttachmentSwitch",
        "metadata": {"name": move.name, "labels": {MOVE_LABEL: move.name}},
        "spec": {
            "virtualMachine": {"name": move.machine},
            "volume": move.volume,
            "destination": {"claimName": move.destination},
        },
    }


def job_name(of: Object) -> str:
    """Of one switch: what an earlier one of its name has left behind is another Job."""
    return f"copy-{of['metadata']['uid']}"


def job(move: Move, of: Object) -> Object:
    """The Job that copies what this switch froze.

    It is suspended, as a request may arrive late: when all is over nobody starts it any more. With
    the switch it goes.
    """
    compute = of["status"]["compute"]
    metadata = of["metadata"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": "AttachmentSwitch",
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    labels = {COMPONENT_LABEL: "external-copier", MOVE_LABEL: move.name}
    return {
        "metadata": {"name": job_name(of), "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "suspend": True,
            "backoffLimit": 3,
            "template": {"metadata": {"labels": labels}, "spec": _pod(move, compute)},
        },
    }


def _pod(move: Move, compute: Object) -> Object:
    security: Object = {
        "runAsUser": QEMU,
        "runAsGroup": QEMU,
        "runAsNonRoot": True,
        "fsGroup": QEMU,
        # Else kubelet would change the owner of each file while the guest uses the volume.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if compute.get("seLinuxLevel"):
        security["seLinuxOptions"] = {"level": compute["seLinuxLevel"]}
    # A ReadWriteOnce source is attached where the guest runs, and nowhere else.
    node = compute.get("node")
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": security,
        **({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
        "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "copy",
                "image": move.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-ec", COPY],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "source", "mountPath": "/source", "readOnly": True},
                    {"name": "destination", "mountPath": "/destination"},
                ],
            }
        ],
        "volumes": [
            {"name": name, "persistentVolumeClaim": {"claimName": claim}}
            for name, claim in (("source", move.source), ("destination", move.destination))
        ],
    }
