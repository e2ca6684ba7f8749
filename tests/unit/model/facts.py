"""What the world is made of: durable facts and QEMU's own, in groups that are written together.

Contents are kept for one block that the guest writes again and again, and for all the others,
which it wrote before the start and never again. What loses neither loses nothing, because every
step treats all blocks alike.
"""

import dataclasses
from enum import Enum

from detour_agent.domain.journal import Record
from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Compute, Node, Order, Position, Top
from detour_crds.conditions import Condition
from detour_crds.volume_migration import VolumeMigrationStatus

S, D = "old", "new"
CLAIM = {Top.SOURCE: S, Top.DESTINATION: D}
TOP = {claim: top for top, claim in CLAIM.items()}
NOTHING_ASKED = Compute()
NOTHING_TOLD = VolumeMigrationStatus()


def facts(kind):
    """A frozen dataclass whose hash is computed once: worlds share most of their groups."""
    made = dataclasses.dataclass(frozen=True)(kind)
    plain = made.__hash__

    def remembered(self):
        known = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = plain(self)
        return known

    made.__hash__ = remembered
    return made


@facts
class Migration:
    """The VolumeMigration; of its status what anything follows from."""

    finalizer: bool = False
    deleting: bool = False
    gone: bool = False
    cancel: bool = False
    hold: bool = False
    status: VolumeMigrationStatus = NOTHING_TOLD


@facts
class Switch:
    """The AttachmentSwitch; of conditions and report what anything follows from."""

    number: int = 1
    finalizer: bool = False
    deleting: bool = False
    wanted: Position = Position.FROZEN
    position: Position = Position.NOWHERE
    compute: Compute = NOTHING_ASKED
    conditions: tuple[Condition, ...] = ()
    node: Node | None = None

    @property
    def uid(self):
        return f"{self.number}2345678-switch"

    @property
    def order(self):
        return self.compute.order or Order.NONE

    @property
    def report(self):
        """The node agent's, if it is of the present attempt."""
        same = self.node is not None and self.node.token == self.compute.token
        return self.node if same else Node()

    @property
    def ended(self):
        at_end = self.position in (Position.SOURCE, Position.DESTINATION)
        return at_end and not self.compute.locked


@facts
class Machine:
    """The VirtualMachine."""

    claim: str = S
    strategy: str = "Migration"


@facts
class Instance:
    """The VirtualMachineInstance; ``shown`` is the claim that KubeVirt has taken note of."""

    number: int = 1
    claim: str = S
    shown: str = S
    fence: str | None = None
    migrated: bool = False
    alive: bool = True


@facts
class Cluster:
    """The rest of Kubernetes.

    Attributes:
        launcher: how many launcher pods there were.
        holder: pending, running or deleting; ``holders`` is how many there were.
        heard: the API server knows of the lock.
        destination: the claim was created.
        switches: how many were created under the migration's name.
    """

    launcher: int = 1
    holder: str = ""
    holders: int = 0
    live_migration: bool = False
    heard: bool = False
    destination: bool = False
    switches: int = 0


@facts
class Copying:
    """The copy Job (suspended, running, complete, failed) and its pod (running, torn).

    Attributes:
        number: how many Jobs there were of this name.
        copier: torn if the source was written to since it began, or another one runs beside it.
        leftover: a pod of a Job that was deleted still runs.
    """

    job: str = ""
    number: int = 0
    switch: str = ""
    token: str = ""
    copier: str = ""
    leftover: bool = False

    @property
    def alive(self):
        return bool(self.copier) or self.leftover


@facts
class Disk:
    """The node's disk: the journal, and the overlay files that are there."""

    record: Record | None = None
    overlays: tuple[str, ...] = ()


@facts
class Qemu:
    """The guest's process, its chain and job, and what is mounted in its launcher.

    Attributes:
        base: the claim that a commit writes to.
        mounted: the destination lies over the source's path.
        source_open: held open although nothing uses it, after a pivot whose daemon died.
        stale: libvirt lost sight of the last change.
    """

    alive: bool = True
    top: Top = Top.SOURCE
    job: Job = Job.NONE
    base: str = S
    mounted: bool = False
    source_open: bool = False
    stale: bool = False


class Content(Enum):
    """What the newest overlay has of the block that the guest writes."""

    ABSENT = "absent"
    EMPTY = "empty"
    LATEST = "latest"
    OLDER = "older"


@facts
class Images:
    """Whether each image has the latest write; ``whole``: the destination has all other blocks."""

    source: bool = True
    overlay: Content = Content.ABSENT
    destination: bool = False
    whole: bool = False

    def has_all(self, top):
        """Whether a guest on this image reads everything it was told is written."""
        if top is Top.OVERLAY:
            latest = self.overlay is Content.LATEST
            return latest or (self.overlay is Content.EMPTY and self.source)
        return self.source if top is Top.SOURCE else self.destination and self.whole
