"""The closed set of effects of the storage side. Each may be repeated."""

import dataclasses

from detour_crds.attachment_switch import AttachmentSwitchSpec, Position
from detour_crds.volume_migration import CopyMethod, Trust, Verify, WhenStopped
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side.observation import Owner


@dataclasses.dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Have the migration stay until nothing of it is under way."""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the migration go."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateClaim:
    """Create the destination claim; it is owned by nobody.

    Attributes:
        data_source: kind and name of what the storage is to make it from; None for a blank one.
        token: the attempt that is done under.
    """

    name: str
    storage_class: str | None
    access_modes: tuple[str, ...]
    size: str
    block: bool = False
    data_source: tuple[str, str] | None = None
    token: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteClaim:
    """Delete a claim that the storage made from the frozen source for this migration."""

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateSnapshot:
    """Have the storage take a snapshot of the frozen source."""

    name: str
    claim: str
    snapshot_class: str
    switch_uid: str
    token: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteSnapshot:
    """Delete this very snapshot."""

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class CreateSwitch:
    """Start."""

    spec: AttachmentSwitchSpec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """Make ready to copy the frozen source; nothing runs yet.

    Attributes:
        node: the guest's; None if it is stopped, and its claims say where the copier can run.
        source_claim: what to copy.
        copies: whether it is to be copied; else somebody else has made the destination from it,
            and it is only to be seen that the image is there.
        verify: how the destination is compared with the source after that.
        bytes_per_second: most to copy, and to read for that; None for no limit.
        idle: whether it waits for everybody else's I/O.
        size_bytes: the disk as the guest sees it; None if that is for the image to say.
        source_block: whether the source claim has the mode Block.
        destination_block: the same of the destination claim.
        look: copy nothing, see that the destination is empty.
    """

    name: str
    switch_uid: str
    token: str
    node: str | None
    source_claim: str
    destination_claim: str
    size_bytes: int | None
    se_linux_level: str
    method: CopyMethod
    copies: bool = True
    verify: Verify = Verify.NONE
    bytes_per_second: int | None = None
    idle: bool = False
    source_block: bool = False
    destination_block: bool = False
    look: bool = False


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
class DeleteSwitch:
    """Take a switch away: a dry run's, or one on the source, so that the move can start again."""

    switch: Meta


@dataclasses.dataclass(frozen=True, slots=True)
class SetTrust:
    """Pass on a person's answer to the stop of that name."""

    switch: Meta
    trust: Trust
    stop: str


@dataclasses.dataclass(frozen=True, slots=True)
class TakeTrustBack:
    """Withdraw an answer that the migration does not give any more."""

    switch: Meta


@dataclasses.dataclass(frozen=True, slots=True)
class SetWhenStopped:
    """Pass on what is to happen if the guest stops in the middle, which was changed."""

    switch: Meta
    when_stopped: WhenStopped


@dataclasses.dataclass(frozen=True, slots=True)
class SetPosition:
    """Ask the switch for Destination (complete) or Source (cancel)."""

    switch: Meta
    position: Position


@dataclasses.dataclass(frozen=True, slots=True)
class NameDestination:
    """Have the switch name the claim, which was made once the source was frozen and is a copy."""

    switch: Meta
    claim: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteSource:
    """Delete the source claim, or the DataVolume that owns it and would make it anew."""

    claim: str
    uid: str
    data_volume: Owner | None


Action = (
    AddFinalizer
    | RemoveFinalizer
    | CreateClaim
    | DeleteClaim
    | CreateSnapshot
    | DeleteSnapshot
    | CreateSwitch
    | CreateJob
    | StartJob
    | DeleteJob
    | DeleteSwitch
    | SetPosition
    | NameDestination
    | SetTrust
    | TakeTrustBack
    | SetWhenStopped
    | DeleteSource
)
