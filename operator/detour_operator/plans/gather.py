"""Looks at everything a decision for one plan rests on.

Whatever cannot be looked at ends the pass (Unreachable): nothing follows from not knowing.
"""

import datetime
import re
from collections.abc import Mapping

from detour_crds.conditions import Condition, MigrationCondition, Status, find, is_true
from detour_crds.names import PRIORITY_ANNOTATION
from detour_crds.volume_migration import Phase, Progress
from detour_crds.volume_migration_plan import Window, WindowStatus
from detour_operator.adapters import claims, events, instances, migrations, virtual_machines
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.adapters.plans import FoundPlan
from detour_operator.errors import Rejected
from detour_operator.plans import windows
from detour_operator.plans.decision import is_ended
from detour_operator.plans.observation import (
    Observation,
    SeenClaim,
    SeenMachine,
    SeenMigration,
)
from detour_operator.reconcile.times import seconds_between

PRIORITY = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def gather(api: Api, found: FoundPlan) -> Observation:
    """Look at the namespace's machines, claims and migrations; of an ended plan at nothing."""
    now = events.now()
    plain = Observation(now=now, meta=found.meta, spec=found.spec, status=found.status)
    if is_ended(plain) or found.meta.deleting:
        return plain
    namespace = found.meta.namespace
    # A move that ends meanwhile is seen at its machine, and is under way at worst; the claims of a
    # machine that is made meanwhile are not taken for absent.
    every = migrations.in_namespace(api, namespace)
    machines = virtual_machines.in_namespace(api, namespace)
    nodes = instances.nodes(api, namespace)
    seen_claims = {
        raw["metadata"]["name"]: _claim(raw) for raw in claims.in_namespace(api, namespace)
    }
    own = [one for one in every if _is_own(one, found.meta.uid)]
    others = [one for one in every if not _is_own(one, found.meta.uid)]
    window, wrong = _window(found.spec.windows, now)
    return Observation(
        now=now,
        meta=found.meta,
        spec=found.spec,
        status=found.status,
        machines=tuple(_machine(raw, nodes) for raw in machines),
        claims=seen_claims,
        migrations={one.meta.name: _migration(one, seen_claims) for one in own},
        others=frozenset(one.meta.name for one in others),
        busy=frozenset(one.spec.virtual_machine.name for one in others if _moves(one)),
        window=window,
        window_wrong=wrong,
    )


def _window(asked: tuple[Window, ...] | None, now: str) -> tuple[WindowStatus | None, str]:
    if not asked:
        return None, ""
    try:
        return windows.look(asked, datetime.datetime.fromisoformat(now)), ""
    except Rejected as error:
        return None, error.message


def _machine(raw: Json, nodes: Mapping[str, str]) -> SeenMachine:
    metadata = raw["metadata"]
    told = (metadata.get("annotations") or {}).get(PRIORITY_ANNOTATION, "")
    named = virtual_machines.claims_of(raw)
    return SeenMachine(
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        node=nodes.get(metadata["name"]),
        priority=int(told) if PRIORITY.fullmatch(told) else 0,
        claims={volume: claim for volume, claim in named.items() if claim is not None},
    )


def _claim(raw: Json) -> SeenClaim:
    asked, has = claims.sizes(raw)
    return SeenClaim(
        storage_class=(raw.get("spec") or {}).get("storageClassName") or "",
        bytes=asked if has is None else has,
        left_over=claims.is_left_over(raw),
    )


def _is_own(migration: FoundMigration, plan_uid: str) -> bool:
    owners = migration.raw["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == plan_uid for owner in owners)


def _moves(found: FoundMigration) -> bool:
    """Whether it moves its disk, or does so once it has its turn; not while it is refused."""
    refused = found.status.phase is Phase.REFUSED
    return not (found.spec.dry_run or refused or _ended(found) is not None)


def _migration(found: FoundMigration, seen_claims: Mapping[str, SeenClaim]) -> SeenMigration:
    spec, status = found.spec, found.status
    ended, progress = _ended(found), status.progress or Progress()
    template = spec.destination.claim_template
    asked = template.storage_class_name if template else None
    named = seen_claims.get(spec.destination.claim_name or "", SeenClaim()).storage_class
    return SeenMigration(
        name=found.meta.name,
        resource_version=found.meta.resource_version,
        machine=spec.virtual_machine.name,
        volume=spec.volume,
        deleting=found.meta.deleting,
        cancel=spec.cancel,
        phase=status.phase,
        begun=status.start_time is not None,
        ready=find(status.conditions, MigrationCondition.READY),
        stalled=ended is None and is_true(status.conditions, MigrationCondition.STALLED),
        ended=ended,
        node=status.node,
        source_class=seen_claims.get(status.source_claim or "", SeenClaim()).storage_class,
        destination_class=asked or named,
        bytes_total=progress.bytes_total,
        bytes_done=progress.bytes_done or 0,
        bytes_per_second=progress.bytes_per_second or 0,
        seconds=seconds_between(status.start_time, status.completion_time),
    )


def _ended(found: FoundMigration) -> Condition | None:
    told = find(found.status.conditions, MigrationCondition.SUCCEEDED)
    return told if told is not None and told.status is not Status.UNKNOWN else None
