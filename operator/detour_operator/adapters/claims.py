"""PersistentVolumeClaims, their sizes in bytes, and who uses them."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kubernetes.utils.quantity import parse_quantity

from detour_crds import names
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import CLAIMS, DATA_VOLUMES, EVENTS, PODS

if TYPE_CHECKING:
    import decimal

MOST_DIGITS = 64
"""Of a quantity: the CRDs allow 32 characters, and a unit that is worth 18 more."""
ENDED = ("Succeeded", "Failed")
GROUPS = {"VolumeSnapshot": {"apiGroup": "snapshot.storage.k8s.io"}}
"""A claim is of the core group, which goes without saying."""
PROVISIONING_FAILED = "ProvisioningFailed"
"""Of csi-provisioner's events
(https://github.com/kubernetes-sigs/sig-storage-lib-external-provisioner)."""

CDI_PHASE, CDI_CLONED = "cdi.kubevirt.io/storage.pod.phase", "k8s.io/CloneOf"
"""CDI's word on the pod that fills a claim, and on a clone that is done
(https://github.com/kubevirt/containerized-data-importer/blob/main/doc/datavolumes.md)."""
CDI_ASKED = (
    "cdi.kubevirt.io/storage.import.source",
    "cdi.kubevirt.io/storage.import.endpoint",
    "cdi.kubevirt.io/storage.upload.target",
    "k8s.io/CloneRequest",
)
"""What CDI fills a claim by. Where the class waits for a first consumer CDI begins when the claim
is bound and no pod uses it, and has said nothing before (its pkg/controller/import-controller.go,
``shouldReconcilePVC``, ``ImportTargetInUse``)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewClaim:
    """A claim to create; it is owned by nobody.

    Attributes:
        created_for: uid of the migration.
        data_source: kind and name of what the storage is to make it from, in its namespace.
        token: the attempt that is asked for under, where there is such a source.
    """

    namespace: str
    name: str
    storage_class: str | None
    access_modes: tuple[str, ...]
    size: str
    created_for: str
    block: bool = False
    data_source: tuple[str, str] | None = None
    token: str = ""


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The claim of that name, or None if there is none."""
    return api.get(CLAIMS, namespace, name)


def in_namespace(api: Api, namespace: str) -> list[Json]:
    """All claims of a namespace."""
    return api.list(CLAIMS, namespace)


def is_left_over(raw: Mapping[str, Any]) -> bool:
    """Whether it was made for a move, and nothing says that a disk was moved to it or from it."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    moved = names.HOLDS_ANNOTATION in annotations
    stale = names.SUPERSEDED_LABEL in (metadata.get("labels") or {})
    deleting = bool(metadata.get("deletionTimestamp"))
    made = names.DESTINATION_OF_ANNOTATION in annotations
    return made and not (moved or stale or deleting)


def is_being_filled(raw: Mapping[str, Any]) -> bool:
    """Whether CDI has something to write to it, now or as soon as nobody uses it."""
    annotations = raw["metadata"].get("annotations") or {}
    phase = annotations.get(CDI_PHASE)
    if phase == "Succeeded" or annotations.get(CDI_CLONED) == "true":
        return False
    return phase is not None or any(name in annotations for name in CDI_ASKED)


def create(api: Api, claim: NewClaim) -> None:
    """Create a claim in the volume mode Filesystem, or Block.

    Raises:
        AlreadyExists: a claim of this name exists.
    """
    api.create(CLAIMS, claim.namespace, manifest(claim))


def manifest(claim: NewClaim) -> Json:
    """The claim as it is sent to the API."""
    spec: Json = {
        "accessModes": list(claim.access_modes),
        "volumeMode": "Block" if claim.block else "Filesystem",
        "resources": {"requests": {"storage": claim.size}},
    }
    annotations = {names.DESTINATION_OF_ANNOTATION: claim.created_for}
    if claim.storage_class is not None:
        spec["storageClassName"] = claim.storage_class
    if claim.data_source is not None:
        kind, name = claim.data_source
        spec["dataSource"] = {"kind": kind, "name": name, **GROUPS.get(kind, {})}
        annotations[names.TOKEN_ANNOTATION] = claim.token
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim.name,
            "namespace": claim.namespace,
            "annotations": annotations,
        },
        "spec": spec,
    }


def why_not_provisioned(api: Api, namespace: str, uid: str) -> str | None:
    """The provisioner's last word on why it could not make the claim's volume; None if none."""
    selector = f"involvedObject.uid={uid},reason={PROVISIONING_FAILED}"
    found = api.list(EVENTS, namespace, field_selector=selector)
    last = max(found, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)
    return None if last is None else str(last.get("message") or PROVISIONING_FAILED)


def create_for_overlay(
    api: Api,
    namespace: str,
    name: str,
    *,
    storage_class: str | None,
    access_mode: str,
    size: int,
    switch_uid: str,
) -> None:
    """Create a claim with a file system of at least ``size`` bytes; it is owned by nobody.

    Raises:
        AlreadyExists: a claim of this name exists.
    """
    spec: Json = {
        "accessModes": [access_mode],
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": str(size)}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.COMPONENT_LABEL: "overlay"},
            "annotations": {names.OVERLAY_OF_ANNOTATION: switch_uid},
        },
        "spec": spec,
    }
    api.create(CLAIMS, namespace, body)


def mark_superseded(api: Api, claim: Json, disk: str, by: str) -> None:
    """Mark a claim as a stale image of a disk (``<virtual machine>/<volume>``), and where it is.

    That the disk was moved here once is not so any more, and goes with the same patch.

    Raises:
        Conflict: the claim was changed since it was read, or is another one.
    """
    annotations = {
        names.SUPERSEDED_FOR_ANNOTATION: disk,
        names.SUPERSEDED_BY_ANNOTATION: by,
        names.HOLDS_ANNOTATION: None,
    }
    _mark(api, claim, {"labels": {names.SUPERSEDED_LABEL: "true"}, "annotations": annotations})


def take_mark_off(api: Api, claim: Json) -> None:
    """Take that mark off again.

    Raises:
        Conflict: the claim was changed since it was read, or is another one.
    """
    annotations = {names.SUPERSEDED_FOR_ANNOTATION: None, names.SUPERSEDED_BY_ANNOTATION: None}
    _mark(api, claim, {"labels": {names.SUPERSEDED_LABEL: None}, "annotations": annotations})


def superseded_everywhere(api: Api) -> list[Json]:
    """The claims of the cluster that carry that mark."""
    return api.list(CLAIMS, None, label_selector=f"{names.SUPERSEDED_LABEL}=true")


def mark_filled(api: Api, claim: Json, disk: str | None) -> None:
    """Mark a claim as the one that a disk (``<virtual machine>/<volume>``) was moved to.

    With None the mark is taken off.

    Raises:
        Conflict: the claim was changed since it was read, or is another one.
    """
    held = None if disk is None else names.held_by(disk, claim["metadata"]["uid"])
    _mark(api, claim, {"annotations": {names.HOLDS_ANNOTATION: held}})


def _mark(api: Api, claim: Json, changes: Json) -> None:
    metadata = claim["metadata"]
    api.merge_patch(
        CLAIMS,
        metadata["namespace"],
        metadata["name"],
        {"metadata": {"uid": metadata["uid"], **changes}},
        resource_version=metadata["resourceVersion"],
    )


def delete(api: Api, namespace: str, name: str, uid: str) -> None:
    """Delete this very claim; pods that still have it keep it until they end.

    Raises:
        Conflict: the claim of this name is another one.
    """
    api.delete(CLAIMS, namespace, name, uid=uid)


def delete_data_volume(api: Api, namespace: str, name: str, uid: str) -> None:
    """Delete this very DataVolume; its claim goes with it, as CDI's owner reference says.

    Raises:
        Conflict: the DataVolume of this name is another one.
    """
    api.delete(DATA_VOLUMES, namespace, name, uid=uid)


def pods_using(api: Api, namespace: str, name: str) -> Iterator[str]:
    """The pods that have the claim, or are to have it, and have not ended."""
    for pod in api.list(PODS, namespace):
        if pod.get("status", {}).get("phase") not in ENDED and name in _claims_of(pod):
            yield pod["metadata"]["name"]


def nodes_using(api: Api, namespace: str, name: str) -> set[str]:
    """The nodes of the pods that have the claim and have not ended."""
    return {
        pod["spec"]["nodeName"]
        for pod in api.list(PODS, namespace)
        if pod.get("status", {}).get("phase") not in ENDED
        and name in _claims_of(pod)
        and pod.get("spec", {}).get("nodeName")
    }


def bytes_of(quantity: str) -> int:
    """A quantity in whole bytes; a fraction of a byte counts as one, as Kubernetes does.

    Raises:
        ValueError: it is no quantity, or one that is longer than any can be.
    """
    number: decimal.Decimal = parse_quantity(quantity)  # type: ignore[no-untyped-call]
    if not number.is_finite() or number.adjusted() > MOST_DIGITS:
        raise ValueError(f"{quantity[:MOST_DIGITS]!r} is not a quantity")
    return math.ceil(number)


def sizes(claim: Mapping[str, Any]) -> tuple[int, int | None]:
    """Bytes that a claim asks for, and those that it has, None until it is bound."""
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    capacity = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
    return bytes_of(requests.get("storage", "0")), None if capacity is None else bytes_of(capacity)


def _claims_of(pod: Mapping[str, Any]) -> set[str]:
    volumes = pod.get("spec", {}).get("volumes") or []
    return {(volume.get("persistentVolumeClaim") or {}).get("claimName", "") for volume in volumes}
