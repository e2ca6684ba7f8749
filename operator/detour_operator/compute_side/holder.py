"""The holder pod: it keeps the destination attached to the node while the guest runs on it.

It looks to KubeVirt like one of its own hotplug pods, which its eviction webhook protects: the
name begins with ``hp-volume-``, it has their label and exactly one owner. That owner, the launcher
pod, must not be its controller, or KubeVirt would take it for an old attachment pod and delete it
(KubeVirt facts 5).
"""

import dataclasses
from typing import Any, Final

from detour_crds.names import (
    COMPONENT_LABEL,
    HOLDER_DESTINATION_PATH,
    QEMU_UID,
    SWITCH_LABEL,
)
from detour_operator.compute_side.attempt import short_uid

HOLDER: Final = "holder"
PRIORITY_CLASS: Final = "detour-holder"
"""The chart's: nothing may preempt a holder, and kubelet evicts it last."""
LABEL_LIMIT: Final = 63
VOLUME: Final = "destination"
RESOURCES: Final = {"cpu": "10m", "memory": "16Mi"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What a holder is made from."""

    namespace: str
    switch: str
    switch_uid: str
    launcher_name: str
    launcher_uid: str
    node: str
    claim: str
    se_linux_level: str
    image: str
    pull_policy: str


def holder_name(switch_uid: str) -> str:
    """One name per switch, so that a holder is never created twice."""
    return f"hp-volume-detour-{short_uid(switch_uid)}"


def manifest(of: Holder) -> dict[str, Any]:
    """The pod to create."""
    labels = {"kubevirt.io": "hotplug-disk", COMPONENT_LABEL: HOLDER}
    if len(of.switch) <= LABEL_LIMIT:
        labels[SWITCH_LABEL] = of.switch
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": holder_name(of.switch_uid),
            "namespace": of.namespace,
            "labels": labels,
            "ownerReferences": [_owner(of)],
        },
        "spec": _spec(of),
    }


def _owner(of: Holder) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": of.launcher_name,
        "uid": of.launcher_uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }


def _spec(of: Holder) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": PRIORITY_CLASS,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 0,
        "affinity": {"nodeAffinity": _on_node(of.node)},
        "tolerations": [{"operator": "Exists"}],
        "securityContext": _pod_security(of.se_linux_level),
        "containers": [_container(of)],
        "volumes": [{"name": VOLUME, "persistentVolumeClaim": {"claimName": of.claim}}],
    }


def _container(of: Holder) -> dict[str, Any]:
    return {
        "name": HOLDER,
        "image": of.image,
        "imagePullPolicy": of.pull_policy,
        "command": ["sleep", "infinity"],
        "resources": {"requests": RESOURCES, "limits": RESOURCES},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": VOLUME, "mountPath": HOLDER_DESTINATION_PATH}],
    }


def _on_node(node: str) -> dict[str, Any]:
    """By the node's name and through the scheduler, which binds a claim that waits for a pod."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    term = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": term}


def _pod_security(level: str) -> dict[str, Any]:
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": QEMU_UID,
        "runAsGroup": QEMU_UID,
        "fsGroup": QEMU_UID,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if level:
        # Another level would relabel the volume and lock the running guest out of it.
        security["seLinuxOptions"] = {"level": level}
    return security
