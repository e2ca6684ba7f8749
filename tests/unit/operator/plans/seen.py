"""Observations of plans: machines with disks, and migrations in every state."""

import dataclasses

from detour_crds.conditions import Condition, MigrationCondition, Status
from detour_crds.volume_migration import Phase
from detour_crds.volume_migration_plan import (
    ClassMapping,
    VolumeMigrationPlanSpec,
    VolumeMigrationPlanStatus,
)
from detour_operator.plans import naming
from detour_operator.plans.observation import (
    Observation,
    SeenClaim,
    SeenMachine,
    SeenMigration,
)
from detour_operator.reconcile.objects import Meta

GIB = 1 << 30
NOW = "2026-01-01T10:00:00Z"
META = Meta(namespace="ns", name="all", uid="plan-uid", generation=1)
SLOW_TO_FAST = (ClassMapping(source="slow", destination="fast"),)


def spec(**given):
    return VolumeMigrationPlanSpec(**{"storage_classes": SLOW_TO_FAST, **given})


def machine(name, volumes=("data",), **given):
    claims = {volume: f"{name}-{volume}" for volume in volumes}
    return SeenMachine(name=name, uid=f"uid-{name}", claims=claims, **given)


def name_of(name, volume="data"):
    own = naming.disk_id(META.uid, f"uid-{name}", volume)
    return naming.migration_name(META.name, name, volume, own)


def ready(reason, message="because"):
    return Condition(
        type=MigrationCondition.READY, status=Status.FALSE, reason=reason, message=message
    )


def ended(status, reason):
    return Condition(
        type=MigrationCondition.SUCCEEDED, status=status, reason=reason, message="it ended"
    )


STATES = {
    "just made": {},
    "pending": {"phase": Phase.PENDING, "ready": ready("Pending")},
    "queued": {"phase": Phase.PENDING, "ready": ready("Queued")},
    "refused": {"phase": Phase.REFUSED, "ready": ready("LauncherTooOld")},
    "preparing": {"phase": Phase.PREPARING, "ready": ready("Preparing")},
    "copying": {
        "phase": Phase.COPYING,
        "ready": ready("Copying"),
        "begun": True,
        "bytes_total": GIB,
        "bytes_done": GIB // 4,
        "bytes_per_second": 1 << 20,
    },
    "holding": {"phase": Phase.HOLDING, "ready": ready("Holding"), "begun": True},
    "stalled": {
        "phase": Phase.MERGING,
        "ready": ready("NodeLost"),
        "begun": True,
        "stalled": True,
    },
    "being cancelled": {"phase": Phase.CANCELLING, "begun": True, "cancel": True},
    "refused after it had begun": {
        "phase": Phase.REFUSED,
        "ready": ready("VirtualMachineBusy"),
        "begun": True,
    },
    "being deleted": {"phase": Phase.CANCELLING, "begun": True, "deleting": True},
    "refused and being deleted": {"phase": Phase.REFUSED, "deleting": True},
    "moved": {
        "phase": Phase.SUCCEEDED,
        "begun": True,
        "ended": ended(Status.TRUE, "Succeeded"),
        "bytes_total": GIB,
        "seconds": 100.0,
    },
    "already there": {"phase": Phase.SUCCEEDED, "ended": ended(Status.TRUE, "AlreadyThere")},
    "failed": {"phase": Phase.FAILED, "begun": True, "ended": ended(Status.FALSE, "CopyFailed")},
    "cancelled": {"phase": Phase.CANCELLED, "ended": ended(Status.FALSE, "Cancelled")},
}
"""What a migration of a plan can look like; without one a disk waits."""


def migration(state, machine_name="web", volume="data", **given):
    return SeenMigration(
        name=name_of(machine_name, volume),
        resource_version="7",
        machine=machine_name,
        volume=volume,
        source_class="slow",
        destination_class="fast",
        **{**STATES[state], **given},
    )


def observed(*machines, migrations=(), claims=None, **given):
    """Every claim is of the class ``slow``, and has a GiB, unless something else is said."""
    there = {
        claim: SeenClaim(storage_class="slow", bytes=GIB)
        for one in machines
        for claim in one.claims.values()
    }
    return Observation(
        **{
            "now": NOW,
            "meta": META,
            "spec": spec(),
            "status": VolumeMigrationPlanStatus(),
            "machines": machines,
            "claims": {**there, **(claims or {})},
            "migrations": {one.name: one for one in migrations},
            **given,
        }
    )


def changed(seen, **given):
    """The same with another spec."""
    return dataclasses.replace(seen, spec=dataclasses.replace(seen.spec, **given))
