"""What a pass over one switch carries along."""

import dataclasses

from detour_agent.domain.chain import Known, OpenFile, Report
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import BlockDomain, Ports, Process
from detour_agent.domain.situation import Seen, Wanted
from detour_agent.errors import DetourError, NotYet, Unreachable
from detour_crds.attachment_switch import Compute, Inspection, LastError, Node
from detour_crds.names import IMAGE_NAME
from detour_crds.volume_migration import Pauses

PRIVATE = "/var/run/kubevirt-private"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The AttachmentSwitch as far as the agent needs it."""

    namespace: str
    name: str
    uid: str
    volume: str
    virtual_machine: str
    compute: Compute
    node: Node

    @property
    def canonical(self) -> str:
        """The image's path inside the launcher (KubeVirt facts 2)."""
        return f"{PRIVATE}/vmi-disks/{self.volume}/{IMAGE_NAME}"

    @property
    def overlay_folder(self) -> str:
        """Where the overlays of this switch are inside the launcher."""
        return f"{PRIVATE}/detour-{self.uid[:8]}"


@dataclasses.dataclass(slots=True)
class Memory:
    """What the agent remembers of a switch between passes; losing it costs nothing but detail."""

    pauses: Pauses = dataclasses.field(default_factory=Pauses)
    last_error: LastError | None = None
    failures: int = 0
    disagrees_since: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at everything, and what it comes down to."""

    wanted: Wanted
    seen: Seen
    record: Record | None
    known: Known
    guest: Process | None = None
    holder: Process | None = None
    domain: BlockDomain | None = None
    report: Report | None = None
    opened: tuple[OpenFile, ...] = ()
    inspection: Inspection | None = None
    overlays: tuple[str, ...] = ()
    """Overlay files that are there."""
    overlay_bytes: int = 0
    problem: LastError | None = None
    """Why something could not be looked at."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a step gets."""

    switch: Switch
    look: Look
    ports: Ports
    memory: Memory

    @property
    def record(self) -> Record:
        """The journal's record."""
        if self.look.record is None:
            raise NotYet("JournalMissing", "there is no journal yet")
        return self.look.record

    @property
    def guest(self) -> Process:
        """The guest's QEMU."""
        if self.look.guest is None:
            raise Unreachable("GuestNotFound", "the guest's process was not found")
        return self.look.guest

    @property
    def domain(self) -> BlockDomain:
        """The guest's disk in libvirt."""
        if self.look.domain is None:
            raise Unreachable("LibvirtUnreachable", "libvirt in the guest's pod does not answer")
        return self.look.domain

    def write(self, record: Record) -> Record:
        """Make an intent durable, and hand it back."""
        self.ports.journal.write(record)
        return record


def elapsed_milliseconds(since: float, until: float) -> int:
    """A pause as it is reported: rounded up, so that what took time is not shown as nothing."""
    return max(1, round((until - since) * 1000))


def error_of(error: DetourError) -> LastError:
    """An error as it is shown."""
    return LastError(reason=error.reason, message=error.message)
