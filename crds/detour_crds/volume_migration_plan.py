"""VolumeMigrationPlan: many disks to move, and how far that is."""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from detour_crds.conditions import Condition
from detour_crds.serialise import named
from detour_crds.volume_migration import (
    CopySpec,
    HandoverMode,
    OverlaySpec,
    SourceReclaimPolicy,
    WhenStopped,
)

DEFAULT_TOTAL: Final = 10
DEFAULT_CLAIM_NAME: Final = "{machine}-{volume}-{id}"
MOST_DISKS: Final = 1000
"""Entries of ``status.disks``: etcd takes no object of more than 1.5 MiB
(https://etcd.io/docs/latest/dev-guide/limit/)."""
MOST_WORDS: Final = 256
"""Characters of an entry's message."""


class Order(StrEnum):
    """Which disk comes first."""

    NAME = "Name"
    SMALLEST_FIRST = "SmallestFirst"
    LARGEST_FIRST = "LargestFirst"


class PlanPhase(StrEnum):
    """One word for people; never read back."""

    PENDING = "Pending"
    CHECKING = "Checking"
    MOVING = "Moving"
    WAITING = "Waiting"
    PAUSED = "Paused"
    STOPPED = "Stopped"
    CANCELLING = "Cancelling"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    FAILED = "Failed"


class DiskState(StrEnum):
    """Where a disk of the plan stands, in the order in which they are shown."""

    FAILED = "Failed"
    REFUSED = "Refused"
    MOVING = "Moving"
    WAITING = "Waiting"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"


class SelectorOperator(StrEnum):
    """What has to be so of a label."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What has to be so of one label."""

    key: str
    operator: SelectorOperator
    values: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LabelSelector:
    """Kubernetes' own; without anything in it, everything is selected."""

    match_labels: Mapping[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DiskSelector:
    """Which disks; None selects everything."""

    machines: LabelSelector | None = None
    volumes: tuple[str, ...] | None = None
    storage_class_names: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassMapping:
    """One storage class, and the one that takes its place."""

    source: str = dataclasses.field(metadata=named("from"))
    destination: str = dataclasses.field(metadata=named("to"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MigrationTemplate:
    """What each VolumeMigration has in its spec."""

    copy: CopySpec = dataclasses.field(default_factory=CopySpec)
    overlay: OverlaySpec = dataclasses.field(default_factory=OverlaySpec)
    hold: bool = False
    handover: HandoverMode = HandoverMode.PATCH
    source_reclaim_policy: SourceReclaimPolicy = SourceReclaimPolicy.RETAIN
    when_stopped: WhenStopped = WhenStopped.AUTO


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlanInFlight:
    """How many disks at a time; None for any number."""

    total: int = DEFAULT_TOTAL
    per_node: int | None = None
    per_storage_class: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A maintenance window: ``start`` as in a crontab, ``duration`` as ``6h``."""

    start: str
    duration: str
    time_zone: str = "UTC"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMigrationPlanSpec:
    """What is wanted."""

    storage_classes: tuple[ClassMapping, ...]
    selector: DiskSelector = dataclasses.field(default_factory=DiskSelector)
    claim_name_template: str = DEFAULT_CLAIM_NAME
    template: MigrationTemplate = dataclasses.field(default_factory=MigrationTemplate)
    order: Order = Order.NAME
    in_flight: PlanInFlight = dataclasses.field(default_factory=PlanInFlight)
    windows: tuple[Window, ...] | None = None
    paused: bool = False
    cancel: bool = False
    max_failures: int | None = None
    dry_run: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The selected disks, by their state."""

    total: int = 0
    waiting: int = 0
    moving: int = 0
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    skipped: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlanBytes:
    """Bytes of the disks, skipped ones left out."""

    total: int = 0
    done: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WindowStatus:
    """Whether moves may begin, and until when that is so."""

    open: bool
    until: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DiskStatus:
    """One disk of the plan."""

    virtual_machine: str
    volume: str
    state: DiskState
    reason: str | None = None
    message: str | None = None
    migration: str | None = None
    source_storage_class: str | None = None
    destination_storage_class: str | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMigrationPlanStatus:
    """What is."""

    observed_generation: int | None = None
    phase: PlanPhase | None = None
    conditions: tuple[Condition, ...] = ()
    counts: Counts | None = None
    bytes: PlanBytes | None = None
    eta_seconds: int | None = None
    window: WindowStatus | None = None
    disks: tuple[DiskStatus, ...] | None = None
    disks_left_out: int | None = None
    start_time: str | None = None
    completion_time: str | None = None
