"""VolumeMigration: what a user asks for and reads."""

import dataclasses
from enum import StrEnum

from detour_crds.conditions import Condition
from detour_crds.serialise import named


class CopyMethod(StrEnum):
    """How the frozen source is copied."""

    AUTO = "Auto"
    VOLUME_SNAPSHOT = "VolumeSnapshot"
    CSI_CLONE = "CSIClone"
    HOST_ASSISTED = "HostAssisted"
    EXTERNAL = "External"
    HYPERVISOR = "Hypervisor"


class VolumeMode(StrEnum):
    """How a claim is used: a file system with an image in it, or a device that is the image."""

    FILESYSTEM = "Filesystem"
    BLOCK = "Block"


class Verify(StrEnum):
    """How the copy is checked before the guest is switched."""

    NONE = "None"
    CHECKSUM = "Checksum"


class OverlayPlace(StrEnum):
    """Where the overlay is kept."""

    NODE_LOCAL = "NodeLocal"
    CLAIM = "Claim"
    SOURCE_VOLUME = "SourceVolume"


class NearLimit(StrEnum):
    """What happens when the overlay nears its limit."""

    CANCEL = "Cancel"
    THROTTLE = "Throttle"


class HandoverMode(StrEnum):
    """Who points the virtual machine at the destination."""

    PATCH = "Patch"
    WAIT_FOR_DECLARED = "WaitForDeclared"


class SourceReclaimPolicy(StrEnum):
    """What happens to the source claim after success."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Trust(StrEnum):
    """A person's answer to a stop: which image holds the guest's last writes."""

    SOURCE = "Source"
    OVERLAY = "Overlay"
    DESTINATION = "Destination"


class WhenStopped(StrEnum):
    """What happens when the virtual machine stops in the middle."""

    AUTO = "Auto"
    FINISH = "Finish"
    CANCEL = "Cancel"


class Phase(StrEnum):
    """One word for people; derived, never read back."""

    PENDING = "Pending"
    REFUSED = "Refused"
    PREPARING = "Preparing"
    FREEZING = "Freezing"
    COPYING = "Copying"
    HOLDING = "Holding"
    MERGING = "Merging"
    SWITCHING = "Switching"
    CLEANING_UP = "CleaningUp"
    CANCELLING = "Cancelling"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    FAILED = "Failed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VirtualMachineRef:
    """The virtual machine, in the object's own namespace."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTemplate:
    """The claim to create; None is taken from the source claim."""

    name: str | None = None
    storage_class_name: str | None = None
    access_modes: tuple[str, ...] | None = None
    volume_mode: VolumeMode | None = None
    size: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the disk goes: one of the two; ``overwrite`` has a claim's data written over."""

    claim_name: str | None = None
    claim_template: ClaimTemplate | None = None
    overwrite: bool = False


class IoPriority(StrEnum):
    """Beside whose I/O Detour's own Job copies."""

    NORMAL = "Normal"
    IDLE = "Idle"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopySpec:
    """How the frozen source is copied."""

    method: CopyMethod = CopyMethod.AUTO
    bandwidth_limit: str | None = None
    io_priority: IoPriority = IoPriority.NORMAL
    verify: Verify = Verify.NONE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OverlaySpec:
    """Where the guest's writes go while the source is frozen."""

    where: OverlayPlace = OverlayPlace.NODE_LOCAL
    storage_class_name: str | None = None
    limit: str | None = None
    near_limit: NearLimit = NearLimit.CANCEL


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMigrationSpec:
    """What is wanted."""

    virtual_machine: VirtualMachineRef
    volume: str
    destination: Destination
    copy: CopySpec = dataclasses.field(default_factory=CopySpec)
    overlay: OverlaySpec = dataclasses.field(default_factory=OverlaySpec)
    hold: bool = False
    cancel: bool = False
    handover: HandoverMode = HandoverMode.PATCH
    source_reclaim_policy: SourceReclaimPolicy = SourceReclaimPolicy.RETAIN
    when_stopped: WhenStopped = WhenStopped.AUTO
    trust: Trust | None = None
    answered_stop: str | None = None
    dry_run: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the copy is; bytes and seconds."""

    percent: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    bytes_verified: int | None = None
    bytes_per_second: int | None = None
    eta_seconds: int | None = None
    advanced_time: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStatus:
    """The overlay that takes the guest's writes; bytes."""

    bytes: int | None = None
    limit_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long the calls took that can delay the guest's writes, in milliseconds."""

    start_milliseconds: int | None = None
    pivot_milliseconds: int | None = None
    end_milliseconds: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMethod:
    """A copy method that was not chosen, and why."""

    name: str
    reason: str
    message: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopyMethodStatus:
    """The method of the copy and why; ``tried`` were begun and given up, in order."""

    name: str | None = None
    reason: str | None = None
    snapshot_class: str | None = None
    refused: tuple[RefusedMethod, ...] | None = None
    tried: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """What somebody else is to copy, and the token by which the word counts that it is done."""

    token: str | None = None
    source_claim: str | None = None
    destination_claim: str | None = None
    node: str | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Written once every copier is gone; counts for this switch and token only.

    ``verified``: the destination was compared with the source under that token, to the end.
    """

    switch_uid: str | None = dataclasses.field(default=None, metadata=named("switchUID"))
    token: str | None = None
    bytes: int | None = None
    verified: bool | None = None
    claim_uid: str | None = dataclasses.field(default=None, metadata=named("claimUID"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GuestStops:
    """How often the move went back because the guest stopped; ``time`` of the last one."""

    count: int | None = None
    switch_uid: str | None = dataclasses.field(default=None, metadata=named("switchUID"))
    time: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMigrationStatus:
    """What is."""

    observed_generation: int | None = None
    phase: Phase | None = None
    stop: str | None = None
    conditions: tuple[Condition, ...] = ()
    progress: Progress | None = None
    overlay: OverlayStatus | None = None
    pauses: Pauses | None = None
    copy_method: CopyMethodStatus | None = None
    copied: Copied | None = None
    external: External | None = None
    source_claim: str | None = None
    source_claim_uid: str | None = dataclasses.field(
        default=None, metadata=named("sourceClaimUID")
    )
    destination_claim: str | None = None
    empty_claim_uid: str | None = dataclasses.field(default=None, metadata=named("emptyClaimUID"))
    discarded_claim_uid: str | None = dataclasses.field(
        default=None, metadata=named("discardedClaimUID")
    )
    node: str | None = None
    attempt: int | None = None
    guest_stops: GuestStops | None = None
    start_time: str | None = None
    copied_time: str | None = None
    released_time: str | None = None
    completion_time: str | None = None
