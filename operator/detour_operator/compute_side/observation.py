"""What one pass sees, as data. Absent and unknown are different values (row U1)."""

import dataclasses
import enum

from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    Node,
    Order,
    Position,
)
from detour_operator.settings import Limits


class Nothing(enum.Enum):
    """Why there is no fact: it was looked for and is not there, or one could not look."""

    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The AttachmentSwitch itself."""

    namespace: str
    name: str
    uid: str
    created: str
    generation: int
    deleting: bool
    finalizer: bool
    spec: AttachmentSwitchSpec
    status: AttachmentSwitchStatus

    @property
    def compute(self) -> Compute:
        """What was recorded so far."""
        return self.status.compute or Compute()

    @property
    def order(self) -> Order:
        """What the node agent is asked to reach."""
        return self.compute.order or Order.NONE

    @property
    def begun(self) -> bool:
        """Whether the source may be frozen: by an order, or by the lock of a stopped machine."""
        return self.order is not Order.NONE or bool(self.compute.offline)

    @property
    def node(self) -> Node | None:
        """What the node agent reported under the present token; another one's report is none."""
        node = self.status.node
        return node if node and node.token and node.token == self.compute.token else None

    @property
    def source(self) -> str | None:
        """Name of the source claim, once it is recorded."""
        return self.compute.source_claim.name if self.compute.source_claim else None

    @property
    def destination(self) -> str | None:
        """Name of the destination claim, once the caller has named it."""
        return self.spec.destination.claim_name if self.spec.destination else None

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do but to be deleted."""
        at_end = self.status.position in (Position.SOURCE, Position.DESTINATION)
        return at_end and not self.compute.locked


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The VirtualMachine. ``claim`` is what its volume names, None if the volume has no claim.

    ``has_template``: a dataVolumeTemplate makes that claim. ``declared_by``: the GitOps tool that
    applies the machine, for people; empty if none is known. ``others``: name and claim of each
    other volume that is on one. ``memory_dump``: its memory is being written to a claim.
    ``shareable``: its template lets others write to the disk at the same time. ``lun``: the disk
    is a LUN. ``starts``: the ``runStrategy`` for which KubeVirt makes an instance of its own
    accord; empty if it makes none.
    ``shown``: what KubeVirt calls its state, for people.
    ``kept_running``: KubeVirt is to replace an instance that has ended; unlike ``starts`` with
    RerunOnFailure at any time, and not with strategies that make one instance alone.
    """

    name: str
    uid: str
    deleting: bool = False
    has_volume: bool = True
    claim: str | None = None
    strategy: str = ""
    snapshot: str = ""
    restore: str = ""
    restart_required: bool = False
    state_change: bool = False
    memory_dump: bool = False
    shareable: bool = False
    lun: bool = False
    has_template: bool = False
    kept_running: bool = False
    declared_by: str = ""
    starts: str = ""
    shown: str = ""
    others: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """The VirtualMachineInstance, in what concerns the switch's volume.

    Attributes:
        claim: the claim its volume names.
        claim_in_status: the claim KubeVirt's controller shows for it, None if it shows none.
        fence: value of the fence annotation, None if the fence is closed.
        handing_over: ``status.migratedVolumes`` is the list that Detour writes.
        volumes_changing: KubeVirt itself is changing volumes.
        disk: kind of the disk (``disk``, ``lun``, ``cdrom``, ``floppy``), None if there is none.
        others: name and claim of each other volume that is on one.
    """

    name: str
    uid: str
    phase: str
    deleting: bool = False
    node: str | None = None
    claim: str | None = None
    claim_in_status: str | None = None
    fence: str | None = None
    handing_over: bool = False
    volumes_changing: bool = False
    paused: bool = False
    migrating: bool = False
    block_tracking: bool = False
    disk: str | None = "disk"
    shareable: bool = False
    hotplugged: bool = False
    se_linux_level: str = ""
    others: tuple[tuple[str, str], ...] = ()

    @property
    def final(self) -> bool:
        """Whether KubeVirt says that the guest has ended; QEMU may be alive all the same."""
        return self.phase in ("Succeeded", "Failed")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A launcher, holder or finisher pod; ``pinned`` is the one node it may run on, if any."""

    name: str
    uid: str
    node: str | None = None
    pinned: str | None = None
    phase: str = "Running"
    running: bool = True
    deleting: bool = False
    owner: str | None = None
    claims: tuple[str, ...] = ()
    trouble: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The PodDisruptionBudget of the move; ``instance`` is the uid its selector names."""

    name: str
    uid: str
    instance: str | None = None
    deleting: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A PersistentVolumeClaim; ``superseded_for`` is the disk it is a stale image of, if any.

    ``holds`` is the disk that was moved here, if any.
    ``made_for`` is the uid of the switch whose overlay it was created for. ``requested_bytes`` are
    what it asks for, ``capacity_bytes`` what it has, None until it is bound. ``filling``: CDI has
    not written to it all that it was asked to.
    """

    name: str
    uid: str
    deleting: bool = False
    volume_mode: str = "Filesystem"
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    storage_class: str | None = None
    requested_bytes: int = 0
    capacity_bytes: int | None = None
    made_for: str | None = None
    superseded_for: str | None = None
    superseded_by: str | None = None
    holds: str | None = None
    filling: bool = False

    @property
    def block(self) -> bool:
        """Whether it is a device, and has no file system."""
        return self.volume_mode == "Block"

    @property
    def image_bytes(self) -> int:
        """Bytes that a disk on it may have; a file system takes some of its capacity itself."""
        device = self.capacity_bytes if self.block else None
        return self.requested_bytes if device is None else device


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another switch of the same virtual machine that has not ended."""

    name: str
    uid: str
    created: str
    locked: bool = False
    ordered: bool = False
    """Its source may be frozen."""
    refused: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether every API server refused what was tried, and all policies are there; if not, why.

    ``after`` are the seconds until it may be tried again; ``namespace_ends``: every one of them
    refused it because nothing can be created in the namespace any more.
    """

    bites: bool
    namespace_ends: bool = False
    reason: str = ""
    message: str = ""
    after: float = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything one pass knows. What it was not useful to look for is ABSENT.

    Attributes:
        live_migrations: names of those of the instance that have not ended.
        source_users: pods other than the launcher and Detour's own that use the source claim.
        source_machines: other virtual machines of the namespace whose templates name the source
            claim, running or not.
        destination_users: pods other than copiers and Detour's own that use the destination claim
            of a machine that is stopped.
        proof: read before everything else, so that the rest is "the second look" (ordering: the
            lock is on at every API server, then a look at VMI and VMIM, then the start).
        permitted: whether the operator may act as KubeVirt's controller.
        without_controller: the namespace in which KubeVirt's controller was looked for, before
            the start, and has no account that may change instances; empty if that is not so.
        machine_refuses: why the virtual machine could not be pointed at the destination, which is
            tried before the start and before the point of no return; empty if it could.
        node_lost: Kubernetes does not hear from the node any more, or has removed it.
        node_given_up: somebody has declared it to be out of service.
        namespace_ends: the switch's namespace is being deleted: nothing can be created in it.
        now: the time as the API writes it; limits: of time, by the settings.
    """

    switch: Switch
    machine: Machine | Nothing = Nothing.ABSENT
    instance: Instance | Nothing = Nothing.ABSENT
    launcher: Pod | Nothing = Nothing.ABSENT
    holder: Pod | Nothing = Nothing.ABSENT
    finisher: Pod | Nothing = Nothing.ABSENT
    budget: Budget | Nothing = Nothing.ABSENT
    source_claim: Claim | Nothing = Nothing.ABSENT
    destination_claim: Claim | Nothing = Nothing.ABSENT
    overlay_claim: Claim | Nothing = Nothing.ABSENT
    overlay_pod: Pod | Nothing = Nothing.ABSENT
    live_migrations: tuple[str, ...] | Nothing = ()
    source_users: tuple[str, ...] | Nothing = ()
    source_machines: tuple[str, ...] | Nothing = ()
    destination_users: tuple[str, ...] | Nothing = ()
    rivals: tuple[Rival, ...] | Nothing = ()
    proof: Proof | Nothing = Nothing.ABSENT
    permitted: bool | Nothing = Nothing.ABSENT
    without_controller: str | Nothing = ""
    machine_refuses: str | Nothing = ""
    node_lost: bool | Nothing = Nothing.ABSENT
    node_given_up: bool | Nothing = Nothing.ABSENT
    namespace_ends: bool | Nothing = False
    now: str = ""
    limits: Limits = dataclasses.field(default_factory=Limits)

    @property
    def unknown(self) -> tuple[str, ...]:
        """What could not be read."""
        return tuple(
            field.name.replace("_", " ")
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is Nothing.UNKNOWN
        )

    @property
    def own_instance(self) -> Instance | None:
        """The instance that was recorded, if it is still there; never a later one of its name."""
        recorded = self.switch.compute.instance
        if not isinstance(self.instance, Instance) or recorded is None:
            return None
        return self.instance if self.instance.uid == recorded.uid else None

    @property
    def alive(self) -> bool:
        """Whether the recorded instance is there and KubeVirt does not call it ended."""
        return self.own_instance is not None and not self.own_instance.final
