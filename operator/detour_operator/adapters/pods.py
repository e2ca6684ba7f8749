"""Pods: the launcher of an instance, holders, and who else uses a claim."""

from collections.abc import Mapping
from typing import Any

from detour_crds.names import COMPONENT_LABEL
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import PODS

CREATED_BY_LABEL = "kubevirt.io/created-by"
LAUNCHER_SELECTOR = "kubevirt.io=virt-launcher"
FINAL_PHASES = ("Succeeded", "Failed")


def launcher_of(api: Api, instance: Mapping[str, Any]) -> Json | None:
    """The pod the guest runs in, or None if it is not there.

    During and after a live migration an instance has several: the one on the instance's node and
    among its active pods is meant (KubeVirt facts 9).
    """
    metadata, status = instance["metadata"], instance.get("status") or {}
    selector = f"{CREATED_BY_LABEL}={metadata['uid']}"
    for pod in api.list(PODS, metadata["namespace"], label_selector=selector):
        active = pod["metadata"]["uid"] in (status.get("activePods") or {})
        if active and pod.get("spec", {}).get("nodeName") == status.get("nodeName"):
            return pod
    return None


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The pod of that name, or None if there is none."""
    return api.get(PODS, namespace, name)


def launchers_that_ended(api: Api) -> list[Json]:
    """The launcher pods, in all namespaces, all of whose containers have ended well.

    Failed may be somebody's verdict on a lost node, and QEMU alive there.
    """
    return api.list(
        PODS, None, label_selector=LAUNCHER_SELECTOR, field_selector="status.phase=Succeeded"
    )


def of_component(api: Api, component: str) -> list[Json]:
    """Detour's pods of that kind, in all namespaces."""
    return api.list(PODS, None, label_selector=f"{COMPONENT_LABEL}={component}")


def create(api: Api, namespace: str, manifest: Mapping[str, Any]) -> None:
    """Create a pod.

    Raises:
        AlreadyExists: one of this name exists.
    """
    api.create(PODS, namespace, manifest)


def delete(api: Api, namespace: str, name: str, uid: str) -> None:
    """Ask for the deletion of this very pod.

    Raises:
        Conflict: the pod of this name is another one.
    """
    api.delete(PODS, namespace, name, uid=uid)


def other_users(api: Api, namespace: str, claim: str, launcher_uid: str) -> tuple[str, ...]:
    """Names of pods that use a claim and are neither the launcher, nor Detour's, nor ended."""
    return tuple(
        pod["metadata"]["name"]
        for pod in api.list(PODS, namespace)
        if pod["metadata"]["uid"] != launcher_uid
        and COMPONENT_LABEL not in (pod["metadata"].get("labels") or {})
        and (pod.get("status") or {}).get("phase") not in FINAL_PHASES
        and _uses(pod, claim)
    )


def _uses(pod: Json, claim: str) -> bool:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return any(
        (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes
    )
