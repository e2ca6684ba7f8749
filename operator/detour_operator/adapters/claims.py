"""PersistentVolumeClaims, their sizes in bytes, and who uses them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from detour_crds import names
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import CLAIMS, PODS, STORAGE_CLASSES

ENDED = ("Succeeded", "Failed")


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The claim of that name, or None if there is none."""
    return api.get(CLAIMS, namespace, name)


def create(
    api: Api,
    namespace: str,
    name: str,
    *,
    storage_class: str | None,
    access_modes: tuple[str, ...],
    size: str,
    created_for: str,
) -> None:
    """Create a claim in the volume mode Filesystem; it is owned by nobody.

    Raises:
        AlreadyExists: a claim of this name exists.
    """
    spec: Json = {
        "accessModes": list(access_modes),
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": size}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {names.DESTINATION_OF_ANNOTATION: created_for},
        },
        "spec": spec,
    }
    api.create(CLAIMS, namespace, body)


def pods_using(api: Api, namespace: str, name: str) -> Iterator[str]:
    """The pods that have the claim, or are to have it, and have not ended."""
    for pod in api.list(PODS, namespace):
        if pod.get("status", {}).get("phase") not in ENDED and name in _claims_of(pod):
            yield pod["metadata"]["name"]


def storage_class_exists(api: Api, name: str) -> bool:
    """Whether there is a storage class of that name."""
    return api.get(STORAGE_CLASSES, None, name) is not None


def bytes_of(quantity: str) -> int:
    """A quantity in whole bytes; a fraction of a byte counts as one, as Kubernetes does.

    Raises:
        ValueError: it is no quantity.
    """
    size: int = math.ceil(parse_quantity(quantity))  # type: ignore[no-untyped-call]
    return size


def _claims_of(pod: Mapping[str, Any]) -> set[str]:
    volumes = pod.get("spec", {}).get("volumes") or []
    return {(volume.get("persistentVolumeClaim") or {}).get("claimName", "") for volume in volumes}
