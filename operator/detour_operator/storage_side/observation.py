"""What is seen of one migration at one moment; frozen, pure.

None always means "looked, not there". What could not be looked at never gets here: the pass ends
with Unreachable before a decision is made.
"""

import dataclasses
from collections.abc import Mapping

from detour_crds.attachment_switch import AttachmentSwitchSpec, AttachmentSwitchStatus
from detour_crds.volume_migration import (
    CopyMethod,
    Verify,
    VolumeMigrationSpec,
    VolumeMigrationStatus,
)
from detour_operator.reconcile.objects import Meta
from detour_operator.reconcile.turn import GIVEN, Turn
from detour_operator.settings import Limits


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenSwitch:
    """The AttachmentSwitch of the migration's name; ``ours`` if the migration owns it."""

    meta: Meta
    spec: AttachmentSwitchSpec
    status: AttachmentSwitchStatus
    ours: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """An object that owns another one."""

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenClaim:
    """A PersistentVolumeClaim; sizes in bytes, ``capacity`` None until it is bound.

    ``request`` is ``requested`` as it was written, for a claim that is to ask for the same.
    ``filling``: CDI has not finished what a DataVolume asks of it.
    ``superseded_for`` is ``<virtual machine>/<volume>`` if that disk was moved away from here.
    ``holds`` is the disk, written the same, that was moved here.
    ``volume`` is the PersistentVolume it is bound to. ``data_source`` is what the storage is to
    make it from, ``Kind/name``, and ``token`` the attempt under which Detour asked for that.
    ``copied_under`` is somebody else's word that a copy is done.
    """

    name: str
    uid: str
    phase: str
    deleting: bool
    block: bool
    access_modes: tuple[str, ...]
    storage_class: str | None
    request: str
    requested: int
    capacity: int | None
    created_for: str | None
    filling: bool = False
    superseded_for: str | None = None
    holds: str | None = None
    data_volume: Owner | None = None
    volume: str | None = None
    data_source: str | None = None
    token: str | None = None
    created: str | None = None
    deleting_since: str | None = None
    copied_under: str | None = None

    @property
    def image_bytes(self) -> int:
        """What an image on it takes: a device is the image, a file is made to what was asked."""
        device = self.capacity if self.block else None
        return self.requested if device is None else device


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenVirtualMachine:
    """A VirtualMachine: the claim of each of its volumes, None for a volume that is on none.

    ``started`` if it has an instance, ``stopped`` if KubeVirt says that it has none: neither is so
    of one that it has said nothing of. ``applied`` are the claims in the manifest that was applied
    last, as ``kubectl apply`` and Argo CD note it; empty if nothing noted one. ``overridden`` has
    the field manager that applies the machine, for each volume whose claim it did not apply.
    """

    name: str
    uid: str
    claims: Mapping[str, str | None]
    started: bool = False
    stopped: bool = False
    applied: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    overridden: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenSnapshotClass:
    """A VolumeSnapshotClass of the destination's driver.

    ``deletes``: what the storage has of a snapshot goes with the object.
    """

    name: str
    is_default: bool
    deletes: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What the storage can do for a copy.

    Attributes:
        source_driver: the CSI driver of the source's volume; None if it has none.
        destination_driver: the provisioner of the destination's class; None if no class is named.
        snapshot_classes: those of that driver; None if the cluster has no such kind.
        profile_strategy: how CDI would clone to that class (``copy``, ``snapshot``,
            ``csi-clone``), None if CDI does not say
            (https://github.com/kubevirt/containerized-data-importer/blob/main/doc/storageprofile.md).
        profile_snapshot_class: the VolumeSnapshotClass it would use.
    """

    source_driver: str | None = None
    destination_driver: str | None = None
    snapshot_classes: tuple[SeenSnapshotClass, ...] | None = None
    profile_strategy: str | None = None
    profile_snapshot_class: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a start depends on; looked at only while there is no switch.

    Attributes:
        virtual_machine: the one the spec names.
        source: the claim of its volume.
        destination: the claim of the destination's name.
        storage_class_exists: the class that the destination would be created with; None if it is
            not to be created, or without a class.
        template_bytes: the size that the template asks for, None if it asks for none.
        destination_users: who else uses or is to use a claim of the destination's name, for
            people: ``pod x``.
        destination_mounted: whether a pod that has not ended has that claim.
        storage: what the storage can do; None where the method does not depend on it.
        destination_reaches: whether the destination can be had on the node that the source is
            used on, by its volume's or its class's constraints; None if nothing says so.
    """

    virtual_machine: SeenVirtualMachine | None
    source: SeenClaim | None
    destination: SeenClaim | None
    storage_class_exists: bool | None
    template_bytes: int | None
    destination_users: tuple[str, ...]
    destination_mounted: bool = False
    storage: Storage | None = None
    destination_reaches: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What became of the source after a success.

    Attributes:
        virtual_machine: the one the spec names.
        source: the claim that now has the source's name.
        source_users: who uses that claim, or is to use it, for people: ``pod x``.
    """

    virtual_machine: SeenVirtualMachine | None
    source: SeenClaim | None
    source_users: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A copy Job as its own conditions say; ``finished`` whether it went well or not.

    ``verify``: how it compares what is copied; it is not complete before it has. ``looks``: it
    copies nothing and sees that the destination is empty. ``waiting``: why it has no pod.
    """

    name: str
    uid: str
    deleting: bool
    switch_uid: str
    token: str
    finished: bool
    failed: bool
    failure_reason: str
    failure_message: str
    suspended: bool = False
    method: str = CopyMethod.HOST_ASSISTED
    verify: str = Verify.NONE
    created: str | None = None
    looks: bool = False
    waiting: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenSnapshot:
    """A VolumeSnapshot of ours.

    ``error`` is the storage's word on why it is not taken yet; ``restore_bytes`` the least size of
    a claim that is made from it.
    """

    name: str
    uid: str
    deleting: bool
    switch_uid: str
    token: str
    ready: bool
    restore_bytes: int | None = None
    error: str = ""
    created: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenCopier:
    """A copier's pod; ``ended`` only once all its containers have.

    ``shared_blocks``: it had the file system share the source's blocks and copied none.
    ``pending``: its containers have not started; ``waiting`` says what for, where that is known.
    """

    name: str
    ended: bool
    uid: str = ""
    created: str | None = None
    pending: bool = False
    result_reason: str = ""
    result_message: str = ""
    result_bytes: int | None = None
    shared_blocks: bool = False
    waiting: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopierProgress:
    """A copier's last word on how far it is; bytes and bytes per second.

    ``verifying``: all is copied, and ``bytes_done`` are compared.
    """

    bytes_done: int
    bytes_total: int
    bytes_per_second: int
    verifying: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything a decision rests on.

    Attributes:
        now: the time as the API writes it.
        meta: the migration, with spec and status.
        switch: the AttachmentSwitch of the migration's name.
        surroundings: looked at only while there is no switch of ours.
        aftermath: looked at only after a success.
        rivals: other switches under way that have our destination, for people; looked at only
            before a copy.
        jobs: all copy Jobs under the migration's name, of whatever attempt.
        copiers: their pods, of whatever attempt.
        progress: None where nothing was said since it was read last.
        source: the source claim; looked at only where the storage makes the destination from it.
        destination: the destination claim; the same, where somebody else copies, and before a Job
            is made.
        snapshots: all snapshots under the migration's name, of whatever attempt.
        not_provisioned: why the storage could not make the destination's volume, by its own word.
        copy_limit_seconds: after so long without getting on, a copy is given up.
        external_limit_seconds: after so long somebody else's copy is given up.
        namespace_ends: the namespace is being deleted: nothing can be created in it any more.
        turn: whether the move may begin, as far as others are under way; asked only before that.
    """

    now: str
    meta: Meta
    spec: VolumeMigrationSpec
    status: VolumeMigrationStatus
    switch: SeenSwitch | None = None
    surroundings: Surroundings | None = None
    aftermath: Aftermath | None = None
    rivals: tuple[str, ...] = ()
    jobs: tuple[SeenJob, ...] = ()
    copiers: tuple[SeenCopier, ...] = ()
    progress: CopierProgress | None = None
    source: SeenClaim | None = None
    destination: SeenClaim | None = None
    snapshots: tuple[SeenSnapshot, ...] = ()
    not_provisioned: str | None = None
    copy_limit_seconds: float = Limits().copying
    external_limit_seconds: float = Limits().external
    namespace_ends: bool = False
    turn: Turn = GIVEN
