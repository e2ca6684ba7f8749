"""VolumeMigrations: what is wanted, and the status that answers."""

import dataclasses
from collections.abc import Collection

from detour_crds import names
from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration import VolumeMigrationSpec, VolumeMigrationStatus
from detour_operator.adapters import stored
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import VOLUME_MIGRATIONS
from detour_operator.reconcile.objects import Meta, meta_of, owner_reference
from detour_operator.reconcile.publishing import status_patch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundMigration:
    """A VolumeMigration as it was read; ``raw`` is for owner references, events and patches."""

    meta: Meta
    spec: VolumeMigrationSpec
    status: VolumeMigrationStatus
    raw: Json


def get(api: Api, namespace: str, name: str) -> FoundMigration | None:
    """The migration of that name, or None if there is none."""
    raw = api.get(VOLUME_MIGRATIONS, namespace, name)
    return None if raw is None else read(raw)


def in_namespace(api: Api, namespace: str) -> list[FoundMigration]:
    """Those of one namespace."""
    return [read(raw) for raw in api.list(VOLUME_MIGRATIONS, namespace)]


def in_phases(api: Api, phases: Collection[str]) -> list[FoundMigration]:
    """Those of all namespaces that are in one of these phases."""
    listed = api.list(VOLUME_MIGRATIONS, None)
    return [read(raw) for raw in listed if (raw.get("status") or {}).get("phase") in phases]


def read(raw: Json) -> FoundMigration:
    """A VolumeMigration from the API's JSON."""
    return FoundMigration(
        meta=meta_of(raw),
        spec=parse(VolumeMigrationSpec, raw.get("spec")),
        status=parse(VolumeMigrationStatus, raw.get("status")),
        raw=raw,
    )


def create(api: Api, namespace: str, name: str, plan: Json, spec: VolumeMigrationSpec) -> None:
    """Create a migration that a plan owns.

    Raises:
        AlreadyExists: there is one of that name.
        Refused: the API server does not take it.
    """
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "VolumeMigration",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.PLAN_LABEL: plan["metadata"]["name"]},
            "ownerReferences": [owner_reference(plan, controller=True)],
        },
        "spec": serialise(spec),
    }
    api.create(VOLUME_MIGRATIONS, namespace, body)


def withdraw(api: Api, namespace: str, name: str, resource_version: str) -> None:
    """Delete a migration if nothing about it has changed since it was read.

    Raises:
        Conflict: something has, as where it has begun.
    """
    api.delete(VOLUME_MIGRATIONS, namespace, name, resource_version=resource_version)


def cancel(api: Api, namespace: str, name: str, resource_version: str) -> None:
    """Cancel a migration if nothing about it has changed since it was read.

    Raises:
        Conflict: something has, or there is none.
    """
    api.merge_patch(
        VOLUME_MIGRATIONS,
        namespace,
        name,
        {"spec": {"cancel": True}},
        resource_version=resource_version,
    )


def publish(api: Api, found: FoundMigration, status: VolumeMigrationStatus) -> FoundMigration:
    """Write what changed of the status; the migration as it is then.

    Raises:
        Conflict: anything about the migration changed since it was read.
    """
    after = serialise(status)
    before = found.raw.get("status")
    patch = status_patch(before, after, {*after, *(before or {})})
    raw = stored.patch_status(api, VOLUME_MIGRATIONS, found.meta, patch)
    return found if raw is None else read(raw)
