"""Holder pods: one keeps the destination attached to the node while the guest runs on it.

Another keeps the claim of the overlay, where it has one (``spec.overlay.where: Claim``).

A holder looks to KubeVirt like one of its own hotplug pods, which its eviction webhook protects:
the name begins with ``hp-volume-``, it has their label and exactly one owner. That owner, the
launcher pod, must not be its controller, or KubeVirt would take it for an old attachment pod and
delete it (KubeVirt facts 5).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from detour_crds.names import (
    COMPONENT_LABEL,
    HOLDER_DESTINATION_DEVICE,
    HOLDER_DESTINATION_PATH,
    HOLDER_LABEL,
    HOLDER_OVERLAY_PATH,
    LABEL_LIMIT,
    NO_SIDECAR,
    NO_SIDECAR_LABEL,
    QEMU_UID,
    SWITCH_LABEL,
)
from detour_operator.compute_side.attempt import short_uid

HOLDER: Final = "holder"
PRIORITY_CLASS: Final = "detour-holder"
"""The chart's: nothing may preempt a holder, and kubelet evicts it last."""
VOLUME: Final = "destination"
OVERLAY: Final = "overlay"
RESOURCES: Final = {"cpu": "50m", "memory": "16Mi"}
"""Requests and limits. The quota stretches a container's start: with a limit of 10m a holder on a
fresh claim ran after 14 s, with this one after 5 (measured), while the machine is locked."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What a holder is made from; ``overlay``: it holds the claim of the overlay."""

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
    block: bool = False
    overlay: bool = False

    @property
    def name(self) -> str:
        """The pod's."""
        return overlay_pod_name(self.switch_uid) if self.overlay else holder_name(self.switch_uid)


def holder_name(switch_uid: str) -> str:
    """One name per switch, so that a holder is never created twice."""
    return f"hp-volume-detour-{short_uid(switch_uid)}"


def overlay_pod_name(switch_uid: str) -> str:
    """As ``holder_name``, of the one that holds the overlay's claim."""
    return f"hp-volume-detour-overlay-{short_uid(switch_uid)}"


def manifest(of: Holder) -> dict[str, Any]:
    """The pod to create."""
    name = of.name
    labels = {"kubevirt.io": "hotplug-disk", COMPONENT_LABEL: HOLDER, HOLDER_LABEL: name}
    if len(of.switch) <= LABEL_LIMIT:
        labels[SWITCH_LABEL] = of.switch
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": of.namespace,
            "labels": {**labels, **NO_SIDECAR_LABEL},
            "annotations": NO_SIDECAR,
            "ownerReferences": [_owner(of)],
        },
        "spec": _spec(of),
    }


def holder_budget(of: Holder) -> dict[str, Any]:
    """Has an eviction of the holder wait while KubeVirt's webhook, which does the same, is away.

    It goes with the launcher pod, as the holder does. A later launcher has a budget of its own.
    """
    name = of.name
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": f"{name}-{short_uid(of.launcher_uid)}",
            "namespace": of.namespace,
            "labels": {COMPONENT_LABEL: "budget"},
            "ownerReferences": [_owner(of)],
        },
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {HOLDER_LABEL: name}}},
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
        "affinity": {"nodeAffinity": on_node(of.node)},
        "tolerations": [{"operator": "Exists"}],
        "securityContext": pod_security(of.se_linux_level),
        "containers": [container(HOLDER, of.image, of.pull_policy, _place(of))],
        "volumes": [{"name": _volume(of), "persistentVolumeClaim": {"claimName": of.claim}}],
    }


def _volume(of: Holder) -> str:
    return OVERLAY if of.overlay else VOLUME


def _place(of: Holder) -> dict[str, Any]:
    if of.overlay:
        return places({OVERLAY: HOLDER_OVERLAY_PATH}, block=False)
    path = HOLDER_DESTINATION_DEVICE if of.block else HOLDER_DESTINATION_PATH
    return places({VOLUME: path}, block=of.block)


def container(
    name: str, image: str, pull_policy: str, places: Mapping[str, Any]
) -> dict[str, Any]:
    """A container that does nothing but keep volumes at their ``places``."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["sleep", "infinity"],
        "resources": {"requests": RESOURCES, "limits": RESOURCES},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **places,
    }


def places(paths: Mapping[str, str], *, block: bool) -> dict[str, Any]:
    """Where a container has its volumes, by their names: mounted, or as devices."""
    key, field = ("volumeDevices", "devicePath") if block else ("volumeMounts", "mountPath")
    return {key: [{"name": volume, field: path} for volume, path in paths.items()]}


def on_node(node: str) -> dict[str, Any]:
    """By the node's name and through the scheduler, which binds a claim that waits for a pod."""
    return _by_name("In", node)


def off_node(node: str) -> dict[str, Any]:
    """Any other node than this one."""
    return _by_name("NotIn", node)


def _by_name(operator: str, node: str) -> dict[str, Any]:
    field = {"key": "metadata.name", "operator": operator, "values": [node]}
    term = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": term}


def pod_security(level: str) -> dict[str, Any]:
    """As the guest's QEMU, which owns the image files, and nothing more."""
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
