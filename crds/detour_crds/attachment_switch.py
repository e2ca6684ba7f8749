"""AttachmentSwitch: the start / cancel / complete contract as an object.

Each field has one writer: the caller writes the spec, the operator's compute side
``status.compute``, ``status.position`` and the conditions, the node agent ``status.node``.
"""

import dataclasses
from enum import StrEnum

from detour_crds.conditions import Condition
from detour_crds.volume_migration import (
    HandoverMode,
    OverlaySpec,
    Pauses,
    Trust,
    VirtualMachineRef,
    VolumeMode,
    WhenStopped,
)


class Position(StrEnum):
    """What the caller asks for; NOWHERE, in status only, until the source is frozen."""

    NOWHERE = ""
    FROZEN = "Frozen"
    DESTINATION = "Destination"
    SOURCE = "Source"


class Order(StrEnum):
    """What the compute side asks of the node agent; SOURCE only ever means cancel."""

    NONE = ""
    OVERLAY = "Overlay"
    MIRRORED = "Mirrored"
    DESTINATION = "Destination"
    SOURCE = "Source"


class Stage(StrEnum):
    """Stages of the journal beside the overlay (docs/states.md)."""

    MISSING = "missing"
    NONE = "none"
    START = "start"
    OVERLAY = "overlay"
    MIRROR = "mirror"
    PIVOT = "pivot"
    DONE = "done"
    REFUSED = "refused"
    CANCEL = "cancel"
    COMMITPIVOT = "commitpivot"
    CANCELLED = "cancelled"
    OFFLINE_FINISH = "offline-finish"
    OFFLINE_COMMIT = "offline-commit"


class Top(StrEnum):
    """The image that QEMU writes to, as QEMU itself says."""

    UNKNOWN = "Unknown"
    SOURCE = "Source"
    OVERLAY = "Overlay"
    DESTINATION = "Destination"
    FOREIGN = "Foreign"


class Qemu(StrEnum):
    """Whether the guest's process is there; GONE only when it was seen to be gone."""

    UNKNOWN = "Unknown"
    RUNNING = "Running"
    GONE = "Gone"


class Pressure(StrEnum):
    """How near its limit the overlay is: 80 percent, the writes slowed down, no way but back."""

    NEAR = "Near"
    THROTTLED = "Throttled"
    REACHED = "Reached"


class Handover(StrEnum):
    """How far the virtual machine was pointed at the destination.

    WAITING: its manifest is to name the destination, and the lock lets it.
    """

    PENDING = "Pending"
    INSTANCE = "Instance"
    WAITING = "Waiting"
    DONE = "Done"
    NOT_PERMITTED = "NotPermitted"
    NOT_NEEDED = "NotNeeded"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationClaim:
    """The claim to switch to."""

    claim_name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSpec:
    """QEMU itself copies the running disk, and nothing is frozen."""

    bandwidth_limit: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentSwitchSpec:
    """What the caller wants."""

    virtual_machine: VirtualMachineRef
    volume: str
    destination: DestinationClaim | None = None
    overlay: OverlaySpec = dataclasses.field(default_factory=OverlaySpec)
    mirror: MirrorSpec | None = None
    handover: HandoverMode = HandoverMode.PATCH
    when_stopped: WhenStopped = WhenStopped.AUTO
    trust: Trust | None = None
    answered_stop: str | None = None
    dry_run: bool = False
    position: Position = Position.FROZEN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """An object of this namespace as it was found: a later one of the same name is another."""

    name: str | None = None
    uid: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The fewest bytes that were left to merge, and when that was seen."""

    left_bytes: int | None = None
    time: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """What the operator found, and what it asks of the node agent."""

    token: str | None = None
    attempt: int | None = None
    virtual_machine: ObjectRef | None = None
    instance: ObjectRef | None = None
    domain: str | None = None
    node: str | None = None
    launcher_pod: ObjectRef | None = None
    holder_pod: ObjectRef | None = None
    overlay_claim: ObjectRef | None = None
    overlay_pod: ObjectRef | None = None
    source_claim: ObjectRef | None = None
    volume_mode: VolumeMode | None = None
    destination_claim: ObjectRef | None = None
    se_linux_level: str | None = None
    strategy_before: str | None = None
    locked: bool | None = None
    lock_proven: bool | None = None
    offline: bool | None = None
    finisher_pod: ObjectRef | None = None
    lost_node: str | None = None
    losses: int | None = None
    handover: Handover | None = None
    order: Order | None = None
    order_time: str | None = None
    merged: Merged | None = None
    cancel_reason: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Only a person can say how to go on; everything is kept."""

    reason: str | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found before the start: ``Accepted``, or why a live move is not possible."""

    reason: str | None = None
    message: str | None = None
    libvirt_version: int | None = None
    virtual_size_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OverlayFile:
    """The overlay's file name, fresh for each attempt, and the bytes it takes and may take."""

    name: str | None = None
    bytes: int | None = None
    limit_bytes: int | None = None
    pressure: Pressure | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """How far the merge of the overlay is, in bytes."""

    bytes_done: int | None = None
    bytes_total: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An image by ``st_dev`` and ``st_ino``: paths lie, identities do not.

    A block device is its device number (``st_rdev``) alone, whichever node leads to it.
    """

    device: int | None = None
    inode: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LastError:
    """The last step that was tried and failed."""

    reason: str | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What the node agent saw, in its own journal and in QEMU."""

    token: str | None = None
    observed_order: Order | None = None
    stage: Stage | None = None
    reached: Order | None = None
    top: Top | None = None
    qemu: Qemu | None = None
    row: str | None = None
    refused: bool | None = None
    stopped: Stopped | None = None
    inspection: Inspection | None = None
    overlay: OverlayFile | None = None
    merge: Merge | None = None
    source: Identity | None = None
    destination: Identity | None = None
    pauses: Pauses | None = None
    last_error: LastError | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentSwitchStatus:
    """What is."""

    observed_generation: int | None = None
    position: Position | None = None
    stop: str | None = None
    conditions: tuple[Condition, ...] = ()
    compute: Compute | None = None
    node: Node | None = None
