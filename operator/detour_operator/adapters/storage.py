"""What the cluster says of its storage: classes, volumes, snapshot classes, CDI's profiles."""

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import (
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    STORAGE_PROFILES,
    VOLUMES,
)
from detour_operator.errors import Gone


def storage_class(api: Api, name: str) -> Json | None:
    """The storage class of that name, or None if there is none."""
    return api.get(STORAGE_CLASSES, None, name)


def volume(api: Api, name: str) -> Json | None:
    """The PersistentVolume of that name, or None if there is none."""
    return api.get(VOLUMES, None, name)


def snapshot_classes(api: Api) -> list[Json] | None:
    """All VolumeSnapshotClasses; None if the API server says that it has no such kind."""
    try:
        return api.list(SNAPSHOT_CLASSES, None)
    except Gone:
        return None


def profile(api: Api, storage_class_name: str) -> Json | None:
    """CDI's StorageProfile of a class, or None if there is none, as without CDI."""
    return api.get(STORAGE_PROFILES, None, storage_class_name, optional=True)
