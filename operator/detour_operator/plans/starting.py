"""Which disks begin now, so that no limit of the plan is passed over; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from detour_crds.volume_migration import (
    ClaimTemplate,
    Destination,
    VirtualMachineRef,
    VolumeMigrationSpec,
)
from detour_crds.volume_migration_plan import DiskState, PlanInFlight
from detour_operator.plans import naming
from detour_operator.plans.actions import CreateMigration
from detour_operator.plans.disks import BUSY, Disk
from detour_operator.plans.observation import Observation, SeenClaim

Place = tuple[str, str]
TOTAL, NODE, STORAGE_CLASS, MACHINE = "total", "node", "storage class", "machine"
OF_A_MACHINE = 1
"""KubeVirt takes a change of one volume at a time (docs/states.md, rule R12)."""


def begins(seen: Observation, disks: Iterable[Disk]) -> tuple[CreateMigration, ...]:
    """The migrations to create, in the order of the disks.

    Who has no room lets later ones pass that have: of the limits only that in all is everybody's,
    and whoever it stops it stops all.
    """
    every = tuple(disks)
    taken: Counter[Place] = Counter()
    for disk in every:
        if disk.state is DiskState.MOVING:
            taken.update(places(disk))
    found = []
    for disk in every:
        waits = disk.state is DiskState.WAITING and disk.reason != BUSY
        if waits and _has_room(disk, taken, seen.spec.in_flight):
            taken.update(places(disk))
            found.append(CreateMigration(disk.name, spec_of(seen, disk)))
    return tuple(found)


def places(disk: Disk) -> frozenset[Place]:
    """What its move weighs on."""
    named = filter(None, (disk.source_class, disk.destination_class))
    classes = {(STORAGE_CLASS, name) for name in named}
    node = {(NODE, disk.node)} if disk.node else set()
    return frozenset({(TOTAL, ""), (MACHINE, disk.machine), *classes, *node})


def _has_room(disk: Disk, taken: Mapping[Place, int], limits: PlanInFlight) -> bool:
    by_kind = {
        TOTAL: limits.total,
        NODE: limits.per_node,
        STORAGE_CLASS: limits.per_storage_class,
        MACHINE: OF_A_MACHINE,
    }
    return all(
        (limit := by_kind[place[0]]) is None or taken[place] < limit for place in places(disk)
    )


def spec_of(seen: Observation, disk: Disk) -> VolumeMigrationSpec:
    """What the disk's VolumeMigration asks for."""
    template = seen.spec.template
    return VolumeMigrationSpec(
        virtual_machine=VirtualMachineRef(name=disk.machine),
        volume=disk.volume,
        destination=_destination(seen, disk),
        copy=template.copy,
        overlay=template.overlay,
        hold=template.hold,
        handover=template.handover,
        source_reclaim_policy=template.source_reclaim_policy,
        when_stopped=template.when_stopped,
        dry_run=seen.spec.dry_run,
    )


def _destination(seen: Observation, disk: Disk) -> Destination:
    """A claim to create, or one that an earlier migration of this disk has left.

    A migration that was withdrawn may have made its claim already. The move itself sees to it that
    a claim which is there is empty.
    """
    name = naming.claim_name(
        seen.spec.claim_name_template,
        machine=disk.machine,
        volume=disk.volume,
        storage_class=disk.destination_class,
        own=disk.own,
    )
    there = seen.claims.get(name, SeenClaim())
    if there.left_over and there.storage_class == disk.destination_class:
        return Destination(claim_name=name)
    template = ClaimTemplate(name=name, storage_class_name=disk.destination_class)
    return Destination(claim_template=template)
