"""The disks of a plan, and where each stands; pure.

A disk is the plan's if the selector says so, or if the plan has a migration for it: what was moved
is on another storage class by now, and its machine may have other labels.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from detour_crds.conditions import Status
from detour_crds.ends import ALREADY_THERE, CANCELLED
from detour_crds.volume_migration import Phase
from detour_crds.volume_migration_plan import DiskState, DiskStatus, Order
from detour_operator.plans import labels, naming
from detour_operator.plans.observation import Observation, SeenClaim, SeenMachine, SeenMigration

NOT_MAPPED = "StorageClassNotMapped"
CLAIM_NOT_FOUND = "ClaimNotFound"
NAME_TAKEN = "NameTaken"
PENDING = "Pending"
NOT_ASKED = "NotBegun"
BUSY = "VirtualMachineBusy"
JUDGED = frozenset({DiskState.SUCCEEDED, DiskState.REFUSED, DiskState.FAILED, DiskState.SKIPPED})
"""States that answer a dry run."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One disk, and what is known of it.

    Attributes:
        machine: its virtual machine.
        volume: the volume there.
        own: the eight characters of its names.
        name: of its VolumeMigration, whether that is there or not.
        state: where it stands.
        reason: why, in one word.
        message: the same for people.
        node: where its guest runs.
        priority: its machine's.
        source_class: the storage class it is moved from; empty where that is not known.
        destination_class: the one it is moved to; empty where there is none.
        bytes: of the image where that is known, else of the claim.
        migration: its VolumeMigration; None before there is one.
    """

    machine: str
    volume: str
    own: str = ""
    name: str
    state: DiskState
    reason: str = ""
    message: str = ""
    node: str | None = None
    priority: int = 0
    source_class: str = ""
    destination_class: str = ""
    bytes: int = 0
    migration: SeenMigration | None = None


def disks(seen: Observation) -> tuple[Disk, ...]:
    """All of them, in the order in which they are moved."""
    verdicts = _verdicts(seen.status.disks or ()) if seen.spec.dry_run else {}
    machines = {machine.name: machine for machine in seen.machines}
    known = {}
    for machine, volume, claim in _selected(seen):
        disk = _disk(seen, machine, volume, claim)
        if disk is not None:
            known[disk.name] = disk
    for name, migration in seen.migrations.items():
        if name not in known:
            known[name] = _of_migration(seen, migration, machines.get(migration.machine))
    found = (_answered(disk, verdicts) for disk in known.values())
    return tuple(sorted(found, key=lambda disk: _place(seen.spec.order, disk)))


def _place(order: Order, disk: Disk) -> tuple[int, int, str, str]:
    size = {Order.NAME: 0, Order.SMALLEST_FIRST: disk.bytes, Order.LARGEST_FIRST: -disk.bytes}
    return -disk.priority, size[order], disk.machine, disk.volume


def _selected(seen: Observation) -> Iterator[tuple[SeenMachine, str, str]]:
    """Machine, volume and claim by all that the selector says but for the storage classes."""
    selector = seen.spec.selector
    for machine in seen.machines:
        by_node = not selector.nodes or machine.node in selector.nodes
        if not by_node or not labels.matches(selector.machines, machine.labels):
            continue
        for volume, claim in machine.claims.items():
            if not selector.volumes or volume in selector.volumes:
                yield machine, volume, claim


def _disk(seen: Observation, machine: SeenMachine, volume: str, claim: str) -> Disk | None:
    """The disk; None if it is not selected after all."""
    own = naming.disk_id(seen.meta.uid, machine.uid, volume)
    name = naming.migration_name(seen.meta.name, machine.name, volume, own)
    migration, there = seen.migrations.get(name), seen.claims.get(claim)
    if migration is not None:
        return dataclasses.replace(_of_migration(seen, migration, machine), own=own)
    classes = seen.spec.selector.storage_class_names
    if there is not None and classes and there.storage_class not in classes:
        return None
    disk = Disk(
        machine=machine.name,
        volume=volume,
        own=own,
        name=name,
        state=DiskState.WAITING,
        reason=NOT_ASKED,
        node=machine.node,
        priority=machine.priority,
        source_class=there.storage_class if there else "",
        destination_class=_destination(seen, there),
        bytes=there.bytes if there else 0,
    )
    return _checked(seen, disk, claim, there)


def _destination(seen: Observation, claim: SeenClaim | None) -> str:
    mapped = {item.source: item.destination for item in seen.spec.storage_classes}
    return mapped.get(claim.storage_class, "") if claim else ""


def _checked(seen: Observation, disk: Disk, claim: str, there: SeenClaim | None) -> Disk:
    """The disk, with the reason why it is not moved if there is one."""
    if there is None:
        return _skipped(disk, CLAIM_NOT_FOUND, f"there is no claim {claim} in this namespace")
    if not disk.destination_class:
        if there.storage_class in {item.destination for item in seen.spec.storage_classes}:
            told = f"its claim {claim} is of the storage class {there.storage_class} already"
            return _skipped(disk, ALREADY_THERE, told)
        told = f"its storage class {there.storage_class or '(none)'} has no entry in"
        return _skipped(disk, NOT_MAPPED, f"{told} spec.storageClasses")
    if disk.name in seen.others:
        told = f"there is a VolumeMigration {disk.name} that is not of this plan; delete it"
        return _skipped(disk, NAME_TAKEN, told)
    if disk.machine in seen.busy and not seen.spec.dry_run:
        # Where that one moves this very disk, it is on another class when its turn comes.
        told = "a VolumeMigration that is not of this plan moves a disk of this virtual machine"
        return dataclasses.replace(disk, reason=BUSY, message=told)
    return disk


def _skipped(disk: Disk, reason: str, message: str) -> Disk:
    return dataclasses.replace(disk, state=DiskState.SKIPPED, reason=reason, message=message)


Verdicts = Mapping[tuple[str, str], DiskStatus]


def _verdicts(before: tuple[DiskStatus, ...]) -> Verdicts:
    """What a dry run has found out before, by machine and volume."""
    return {(item.virtual_machine, item.volume): item for item in before if item.state in JUDGED}


def _answered(disk: Disk, verdicts: Verdicts) -> Disk:
    """With that verdict, once the migration that was asked is gone or on its way."""
    told = verdicts.get((disk.machine, disk.volume))
    asked_still = disk.migration is not None and not disk.migration.deleting
    if told is None or asked_still or disk.state is DiskState.SKIPPED:
        return disk
    return dataclasses.replace(
        disk, state=told.state, reason=told.reason or "", message=told.message or ""
    )


def _of_migration(
    seen: Observation, migration: SeenMigration, machine: SeenMachine | None
) -> Disk:
    state, reason, message = told(migration)
    claim = machine.claims.get(migration.volume) if machine else None
    there = seen.claims.get(claim) if claim else None
    return Disk(
        machine=migration.machine,
        volume=migration.volume,
        name=migration.name,
        state=state,
        reason=reason,
        message=message,
        node=migration.node or (machine.node if machine else None),
        priority=machine.priority if machine else 0,
        source_class=migration.source_class or (there.storage_class if there else ""),
        destination_class=migration.destination_class,
        bytes=migration.bytes_total or (there.bytes if there else 0),
        migration=migration,
    )


def told(migration: SeenMigration) -> tuple[DiskState, str, str]:
    """State, reason and message of a disk that has a migration."""
    end, ready = migration.ended, migration.ready
    if end is not None and end.status is Status.TRUE:
        there = end.reason == ALREADY_THERE
        return DiskState.SKIPPED if there else DiskState.SUCCEEDED, end.reason, ""
    if end is not None:
        wished = end.reason == CANCELLED
        state = DiskState.SKIPPED if wished else DiskState.FAILED
        return state, end.reason, end.message
    reason, message = (ready.reason, ready.message) if ready else (PENDING, "")
    if migration.phase is Phase.REFUSED and not migration.deleting:
        return DiskState.REFUSED, reason, message
    return DiskState.MOVING, reason, message if migration.stalled else ""
