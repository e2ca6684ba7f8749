"""What was looked at for one plan; frozen. Absent and unknown are different values."""

import dataclasses
from collections.abc import Mapping

from detour_crds.conditions import Condition
from detour_crds.volume_migration import Phase
from detour_crds.volume_migration_plan import (
    VolumeMigrationPlanSpec,
    VolumeMigrationPlanStatus,
    WindowStatus,
)
from detour_operator.reconcile.objects import Meta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenClaim:
    """A claim of the namespace.

    Attributes:
        storage_class: its class; empty for none.
        bytes: what it has, or asks for as long as it has nothing.
        left_over: it was made for a move and no disk was moved to it, nor from it.
    """

    storage_class: str = ""
    bytes: int = 0
    left_over: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenMachine:
    """A virtual machine of the namespace.

    Attributes:
        name: its name.
        uid: its uid: another machine of that name is another one.
        labels: its own, not its template's.
        node: where it runs; None if it does not.
        priority: by its annotation; higher comes first.
        claims: of each of its volumes that is on a claim.
    """

    name: str
    uid: str
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    node: str | None = None
    priority: int = 0
    claims: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenMigration:
    """A VolumeMigration of the plan.

    Attributes:
        name: its name.
        resource_version: as it was seen.
        machine: its virtual machine.
        volume: its volume.
        deleting: its deletion was asked for.
        cancel: its cancel was asked for.
        phase: its phase; None before its first visit.
        begun: the guest's writes were diverted, now or once.
        ready: its condition Ready; None before its first visit.
        stalled: a person must act, and it has not ended.
        ended: its condition Succeeded, once that is True or False.
        node: where the guest runs.
        source_class: of its source claim, as far as that is there.
        destination_class: the class it asks for.
        bytes_total: of its image, where that is known.
        bytes_done: of it that are copied.
        bytes_per_second: the copy's rate.
        seconds: from its first write diverted to its end; None if it has not ended.
    """

    name: str
    resource_version: str = ""
    machine: str
    volume: str
    deleting: bool = False
    cancel: bool = False
    phase: Phase | None = None
    begun: bool = False
    ready: Condition | None = None
    stalled: bool = False
    ended: Condition | None = None
    node: str | None = None
    source_class: str = ""
    destination_class: str = ""
    bytes_total: int | None = None
    bytes_done: int = 0
    bytes_per_second: int = 0
    seconds: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything a decision for one plan rests on.

    Attributes:
        now: the time, as the API writes it.
        meta: the plan's.
        spec: what is wanted.
        status: what was said last.
        machines: all of the namespace.
        claims: all of the namespace, by name.
        migrations: those of the plan, by name.
        others: names of the namespace's VolumeMigrations that are not the plan's.
        busy: virtual machines of which one of those moves a disk, or is to.
        window: of the maintenance windows; None without any.
        window_wrong: what is wrong with them, for people; empty if nothing is.
    """

    now: str
    meta: Meta
    spec: VolumeMigrationPlanSpec
    status: VolumeMigrationPlanStatus
    machines: tuple[SeenMachine, ...] = ()
    claims: Mapping[str, SeenClaim] = dataclasses.field(default_factory=dict)
    migrations: Mapping[str, SeenMigration] = dataclasses.field(default_factory=dict)
    others: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    window: WindowStatus | None = None
    window_wrong: str = ""
