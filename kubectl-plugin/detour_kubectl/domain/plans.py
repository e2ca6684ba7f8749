"""A VolumeMigrationPlan: what is created, and how it stands."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from detour_crds import names
from detour_crds.conditions import PlanCondition, find, is_true
from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration_plan import (
    ClassMapping,
    PlanPhase,
    VolumeMigrationPlanSpec,
    VolumeMigrationPlanStatus,
)
from detour_kubectl.errors import PluginError

DEFAULTS = VolumeMigrationPlanSpec(storage_classes=())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was read."""

    namespace: str
    name: str
    spec: VolumeMigrationPlanSpec
    status: VolumeMigrationPlanStatus
    raw_status: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows."""
        return self.status.completion_time is not None

    @property
    def has_stopped(self) -> bool:
        """Whether it waits for somebody."""
        stalled = is_true(self.status.conditions, PlanCondition.STALLED)
        return stalled and not self.has_ended

    @property
    def has_succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status.phase is PlanPhase.SUCCEEDED

    @property
    def told(self) -> tuple[str, str]:
        """Reason and message; empty before its first visit."""
        ready = find(self.status.conditions, PlanCondition.READY)
        return (ready.reason, ready.message) if ready is not None else ("", "")


def read(raw: Mapping[str, Any]) -> Plan:
    """A plan from the API's JSON.

    Raises:
        PluginError: it has values that this version of the plugin does not know.
    """
    meta = raw["metadata"]
    try:
        return Plan(
            namespace=meta["namespace"],
            name=meta["name"],
            spec=parse(VolumeMigrationPlanSpec, raw.get("spec")),
            status=parse(VolumeMigrationPlanStatus, raw.get("status")),
            raw_status=raw.get("status") or {},
        )
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"VolumeMigrationPlan {meta['name']} cannot be read: {error}",
            "the cluster's Detour is newer than this plugin: `kubectl detour version` shows both;"
            " install the plugin of the cluster's version",
        ) from error


def manifest(spec: VolumeMigrationPlanSpec, namespace: str, name: str) -> dict[str, Any]:
    """The VolumeMigrationPlan, without what the API server fills in by itself."""
    wanted, usual = serialise(spec), serialise(DEFAULTS)
    own = {field: value for field, value in wanted.items() if value != usual.get(field)}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "VolumeMigrationPlan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {field: _own(value, usual.get(field)) for field, value in own.items()},
    }


def _own(value: Any, usual: Any) -> Any:
    if not isinstance(value, Mapping) or not isinstance(usual, Mapping):
        return value
    return {
        name: _own(item, usual.get(name))
        for name, item in value.items()
        if item != usual.get(name)
    }


def mapping(text: str) -> ClassMapping:
    """``slow=fast`` as an entry of ``spec.storageClasses``.

    Raises:
        ValueError: it is none.
    """
    source, _, destination = text.partition("=")
    if not source or not destination:
        raise ValueError(f"{text!r} names no two storage classes: write slow=fast")
    return ClassMapping(source=source, destination=destination)
