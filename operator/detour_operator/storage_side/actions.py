"""The closed set of effects of the storage side. Each may be repeated."""

import dataclasses

from detour_crds.attachment_switch import AttachmentSwitchSpec, Position
from detour_operator.reconcile.objects import Meta


@dataclasses.dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Have the migration stay until nothing of it is under way."""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the migration go."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateClaim:
    """Create the destination claim; it is owned by nobody."""

    name: str
    storage_class: str | None
    access_modes: tuple[str, ...]
    size: str


@dataclasses.dataclass(frozen=True, slots=True)
class CreateSwitch:
    """Start."""

    spec: AttachmentSwitchSpec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """Make ready to copy the frozen source; nothing runs yet. Sizes in bytes."""

    name: str
    switch_uid: str
    token: str
    node: str
    source_claim: str
    destination_claim: str
    size_bytes: int
    se_linux_level: str


@dataclasses.dataclass(frozen=True, slots=True)
class StartJob:
    """Copy; this very Job was seen, so that it is none that was created too late."""

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteJob:
    """End the copiers of this Job."""

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class SetPosition:
    """Ask the switch for Destination (complete) or Source (cancel)."""

    switch: Meta
    position: Position


Action = (
    AddFinalizer
    | RemoveFinalizer
    | CreateClaim
    | CreateSwitch
    | CreateJob
    | StartJob
    | DeleteJob
    | SetPosition
)
