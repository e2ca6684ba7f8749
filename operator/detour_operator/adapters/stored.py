"""Reading and writing of our own kinds of objects: finalizers and status."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import detour_failpoints
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    VOLUME_MIGRATION_PLANS,
    VOLUME_MIGRATIONS,
    Resource,
)
from detour_operator.reconcile.objects import Meta

SIDES: Final = {
    VOLUME_MIGRATIONS: "storage",
    ATTACHMENT_SWITCHES: "compute",
    VOLUME_MIGRATION_PLANS: "plans",
}
"""Who writes the status of which kind."""


def add_finalizer(api: Api, resource: Resource, meta: Meta, finalizer: str) -> None:
    """Have the object stay until the finalizer is removed; nothing if it is there.

    Raises:
        Conflict: the object was changed since it was read.
    """
    if finalizer not in meta.finalizers:
        _set_finalizers(api, resource, meta, [*meta.finalizers, finalizer])


def remove_finalizer(api: Api, resource: Resource, meta: Meta, finalizer: str) -> None:
    """Let the object go; nothing if the finalizer is not there.

    Raises:
        Conflict: the object was changed since it was read.
    """
    if finalizer in meta.finalizers:
        left = [item for item in meta.finalizers if item != finalizer]
        _set_finalizers(api, resource, meta, left)


def patch_status(api: Api, resource: Resource, meta: Meta, patch: dict[str, Any]) -> Json | None:
    """Write a status patch of ``reconcile.publishing.status_patch``; None if it is empty.

    Args:
        api: the API.
        resource: the kind.
        meta: the object as it was read; nothing is written if anything about it has changed since.
        patch: ``{"status": ...}``, or empty.

    Raises:
        Conflict: the object was changed.
        Gone: the object does not exist any more.
    """
    if not patch:
        return None
    with detour_failpoints.around(*_records(SIDES[resource], patch["status"])):
        return api.merge_patch(
            resource,
            meta.namespace,
            meta.name,
            patch,
            subresource="status",
            resource_version=meta.resource_version,
        )


def _records(side: str, changes: Mapping[str, Any]) -> Iterator[str]:
    """The fail points of a record, by what is new in it; an order's by the order."""
    for field, value in changes.items():
        if field == "compute" and value:
            yield from _records(side, value)
        elif field == "order" and value:
            yield f"{side}.record.order.{value}"
        else:
            yield f"{side}.record.{field}"


def _set_finalizers(api: Api, resource: Resource, meta: Meta, finalizers: list[str]) -> None:
    api.merge_patch(
        resource,
        meta.namespace,
        meta.name,
        {"metadata": {"finalizers": finalizers}},
        resource_version=meta.resource_version,
    )
