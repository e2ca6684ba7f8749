"""What is seen of one migration at one moment; frozen, pure.

None always means "looked, not there". What could not be looked at never gets here: the pass ends
with Unreachable before a decision is made.
"""

import dataclasses
from collections.abc import Mapping

from detour_crds.attachment_switch import AttachmentSwitchSpec, AttachmentSwitchStatus
from detour_crds.volume_migration import VolumeMigrationSpec, VolumeMigrationStatus
from detour_operator.reconcile.objects import Meta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenSwitch:
    """The AttachmentSwitch of the migration's name; ``ours`` if the migration owns it."""

    meta: Meta
    spec: AttachmentSwitchSpec
    status: AttachmentSwitchStatus
    ours: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenClaim:
    """A PersistentVolumeClaim; sizes in bytes, ``capacity`` None until it is bound.

    ``request`` is ``requested`` as it was written, for a claim that is to ask for the same.
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenVirtualMachine:
    """A VirtualMachine: the claim of each of its volumes, None for a volume that is on none."""

    name: str
    uid: str
    claims: Mapping[str, str | None]


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
    """

    virtual_machine: SeenVirtualMachine | None
    source: SeenClaim | None
    destination: SeenClaim | None
    storage_class_exists: bool | None
    template_bytes: int | None
    destination_users: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A copy Job as its own conditions say; ``finished`` whether it went well or not."""

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeenCopier:
    """A copier's pod; ``ended`` only once all its containers have."""

    name: str
    ended: bool
    result_reason: str = ""
    result_message: str = ""
    waiting: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopierProgress:
    """A copier's last word on how far it is; bytes and bytes per second."""

    bytes_done: int
    bytes_total: int
    bytes_per_second: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything a decision rests on.

    Attributes:
        now: the time as the API writes it.
        meta: the migration, with spec and status.
        switch: the AttachmentSwitch of the migration's name.
        surroundings: looked at only while there is no switch of ours.
        rivals: other switches under way that have our destination, for people; looked at only
            before a copy.
        jobs: all copy Jobs under the migration's name, of whatever attempt.
        copiers: their pods, of whatever attempt.
        progress: None where nothing was said since it was read last.
    """

    now: str
    meta: Meta
    spec: VolumeMigrationSpec
    status: VolumeMigrationStatus
    switch: SeenSwitch | None = None
    surroundings: Surroundings | None = None
    rivals: tuple[str, ...] = ()
    jobs: tuple[SeenJob, ...] = ()
    copiers: tuple[SeenCopier, ...] = ()
    progress: CopierProgress | None = None
