"""Looks at what the storage offers for a copy, and at whom it can be had by; decides nothing."""

from detour_crds.volume_migration import CopyMethod, VolumeMigrationSpec
from detour_operator.adapters import claims, nodes
from detour_operator.adapters import storage as cluster
from detour_operator.adapters.client import Api, Json
from detour_operator.storage_side import reading, topology
from detour_operator.storage_side.observation import SeenClaim, Storage

DEPENDS = (CopyMethod.AUTO, CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE)
"""Methods that depend on what the storage can do."""


def storage(
    api: Api, spec: VolumeMigrationSpec, source: SeenClaim | None, storage_class: Json
) -> Storage | None:
    """What the storage of a destination that is to be made can do; None where it does not matter.

    Raises:
        Unreachable: it cannot be asked. That a kind is not installed is an answer.
    """
    if spec.copy.method not in DEPENDS or source is None or source.volume is None:
        return None
    volume = cluster.volume(api, source.volume)
    source_driver = ((volume or {}).get("spec", {}).get("csi") or {}).get("driver")
    driver = storage_class.get("provisioner")
    if source_driver is None or driver != source_driver:
        return Storage(source_driver=source_driver, destination_driver=driver)
    found = cluster.snapshot_classes(api)
    profile = cluster.profile(api, storage_class["metadata"]["name"]) or {}
    told = profile.get("status") or {}
    return Storage(
        source_driver=source_driver,
        destination_driver=driver,
        snapshot_classes=None
        if found is None
        else tuple(reading.snapshot_class(raw) for raw in found if raw.get("driver") == driver),
        profile_strategy=told.get("cloneStrategy"),
        profile_snapshot_class=told.get("snapshotClass"),
    )


def reaches(
    api: Api,
    namespace: str,
    source: SeenClaim | None,
    there: SeenClaim | None,
    storage_class: Json,
) -> bool | None:
    """Whether the destination can be had on the node that the source is used on; None: unsaid."""
    volume = cluster.volume(api, there.volume) if there and there.volume else None
    says = volume is not None or bool(storage_class.get("allowedTopologies"))
    used_on = claims.nodes_using(api, namespace, source.name) if says and source else set()
    if len(used_on) != 1:
        return None
    (node,) = used_on
    labels = nodes.labels(api, node)
    if labels is None:
        return None
    if volume is not None:
        return topology.volume_reaches(volume, node, labels)
    return topology.class_reaches(storage_class, labels)
