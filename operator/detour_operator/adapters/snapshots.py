"""VolumeSnapshots of frozen sources: created by name, deleted by uid."""

import dataclasses

from detour_crds import names
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import SNAPSHOTS
from detour_operator.errors import Gone

SNAPSHOT = "snapshot"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewSnapshot:
    """A snapshot to take; ``owner`` is the reference to its migration, with which it goes."""

    namespace: str
    name: str
    migration: str
    owner: Json
    claim: str
    snapshot_class: str
    switch_uid: str
    token: str


def of_migration(api: Api, namespace: str, migration: str) -> list[Json]:
    """All snapshots under a migration's name; none if the cluster has no such kind."""
    if len(migration) > names.LABEL_LIMIT:
        return []
    selector = f"{names.COMPONENT_LABEL}={SNAPSHOT},{names.MIGRATION_LABEL}={migration}"
    try:
        return api.list(SNAPSHOTS, namespace, label_selector=selector)
    except Gone:
        return []


def create(api: Api, snapshot: NewSnapshot) -> None:
    """Have a snapshot taken.

    Raises:
        AlreadyExists: a snapshot of this name exists.
    """
    api.create(SNAPSHOTS, snapshot.namespace, manifest(snapshot))


def delete(api: Api, namespace: str, name: str, uid: str) -> None:
    """Delete this very snapshot; that it is gone is for a later look to say.

    Raises:
        Conflict: the snapshot of this name is another one.
    """
    api.delete(SNAPSHOTS, namespace, name, uid=uid)


def manifest(snapshot: NewSnapshot) -> Json:
    """The snapshot as it is sent to the API."""
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {
            "name": snapshot.name,
            "namespace": snapshot.namespace,
            "labels": {
                names.COMPONENT_LABEL: SNAPSHOT,
                names.MIGRATION_LABEL: snapshot.migration,
            },
            "annotations": {
                names.TOKEN_ANNOTATION: snapshot.token,
                names.SWITCH_UID_ANNOTATION: snapshot.switch_uid,
            },
            "ownerReferences": [snapshot.owner],
        },
        "spec": {
            "volumeSnapshotClassName": snapshot.snapshot_class,
            "source": {"persistentVolumeClaimName": snapshot.claim},
        },
    }
