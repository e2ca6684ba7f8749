"""What every object of the API has, typed; pure data."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """An object's metadata as it was read; ``deleting`` once its deletion was asked for."""

    namespace: str = ""
    name: str
    uid: str
    resource_version: str = ""
    generation: int = 0
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    annotations: Mapping[str, str] = dataclasses.field(default_factory=dict)


def meta_of(raw: Mapping[str, Any]) -> Meta:
    """The metadata of an object as the API gave it."""
    given = raw["metadata"]
    return Meta(
        namespace=given.get("namespace", ""),
        name=given["name"],
        uid=given["uid"],
        resource_version=given.get("resourceVersion", ""),
        generation=given.get("generation", 0),
        deleting=bool(given.get("deletionTimestamp")),
        finalizers=tuple(given.get("finalizers") or ()),
        labels=given.get("labels") or {},
        annotations=given.get("annotations") or {},
    )


def owner_reference(raw: Mapping[str, Any], *, controller: bool) -> dict[str, Any]:
    """The reference by which another object is owned by this one, and goes when it goes."""
    return {
        "apiVersion": raw["apiVersion"],
        "kind": raw["kind"],
        "name": raw["metadata"]["name"],
        "uid": raw["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": False,
    }
