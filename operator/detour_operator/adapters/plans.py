"""VolumeMigrationPlans: what is wanted, and the status that answers."""

import dataclasses

from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration_plan import (
    VolumeMigrationPlanSpec,
    VolumeMigrationPlanStatus,
)
from detour_operator.adapters import stored
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import VOLUME_MIGRATION_PLANS
from detour_operator.reconcile.objects import Meta, meta_of
from detour_operator.reconcile.publishing import status_patch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlan:
    """A VolumeMigrationPlan as it was read; ``raw`` is for owners, events and patches."""

    meta: Meta
    spec: VolumeMigrationPlanSpec
    status: VolumeMigrationPlanStatus
    raw: Json


def get(api: Api, namespace: str, name: str) -> FoundPlan | None:
    """The plan of that name, or None if there is none."""
    raw = api.get(VOLUME_MIGRATION_PLANS, namespace, name)
    return None if raw is None else read(raw)


def read(raw: Json) -> FoundPlan:
    """A VolumeMigrationPlan from the API's JSON."""
    return FoundPlan(
        meta=meta_of(raw),
        spec=parse(VolumeMigrationPlanSpec, raw.get("spec")),
        status=parse(VolumeMigrationPlanStatus, raw.get("status")),
        raw=raw,
    )


def publish(api: Api, found: FoundPlan, status: VolumeMigrationPlanStatus) -> FoundPlan:
    """Write what changed of the status; the plan as it is then.

    Raises:
        Conflict: anything about the plan changed since it was read.
    """
    after = serialise(status)
    before = found.raw.get("status")
    patch = status_patch(before, after, {*after, *(before or {})})
    raw = stored.patch_status(api, VOLUME_MIGRATION_PLANS, found.meta, patch)
    return found if raw is None else read(raw)
