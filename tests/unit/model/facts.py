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
from detour_crds.volume_migration import CopyMethod, Trust, VolumeMigrationStatus, WhenStopped

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


def with_other(fact, values):
    """The same with other values; what ``dataclasses.replace`` looks at besides takes longer."""
    other = object.__new__(type(fact))
    known = other.__dict__
    known.update(fact.__dict__)
    known.pop("_hash", None)
    if not values.keys() <= known.keys():
        raise TypeError(f"{type(fact).__name__} has not all of {', '.join(values)}")
    known.update(values)
    return other


@facts
class Migration:
    """The VolumeMigration; of its status what anything follows from."""

    finalizer: bool = False
    deleting: bool = False
    gone: bool = False
    cancel: bool = False
    hold: bool = False
    when_stopped: WhenStopped = WhenStopped.AUTO
    by_qemu: bool = False
    trust: Trust | None = None
    answered_stop: str | None = None
    status: VolumeMigrationStatus = NOTHING_TOLD


@facts
class Switch:
    """The AttachmentSwitch; of conditions and report what anything follows from.

    ``named``: its spec names the destination; ``mirror``: QEMU copies, without an overlay.
    """

    number: int = 1
    finalizer: bool = False
    deleting: bool = False
    named: bool = True
    mirror: bool = False
    wanted: Position = Position.FROZEN
    when_stopped: WhenStopped = WhenStopped.AUTO
    trust: Trust | None = None
    answered_stop: str | None = None
    stop: str | None = None
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
    """The VirtualMachine; KubeVirt starts it again unless it is halted.

    ``in_git``: its manifest is changed by its owner alone.
    """

    claim: str = S
    strategy: str = "Migration"
    in_git: bool = False
    halted: bool = False


@facts
class Instance:
    """The VirtualMachineInstance; ``shown`` is the claim that KubeVirt has taken note of."""

    number: int = 1
    there: bool = True
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
        finisher: the claims it has, as one word.
        budget: the uid of the instance whose evictions it has wait.
        heard: the API server knows of the lock.
        destination: the claim is there.
        switches: how many were created under the migration's name.
        superseded: the source claim is marked as stale; ``filled``: the destination as the one
            that the disk is on.
        late: a limit of time has passed.
    """

    launcher: int = 1
    holder: str = ""
    holders: int = 0
    finisher: str = ""
    budget: str = ""
    live_migration: bool = False
    heard: bool = False
    destination: bool = False
    switches: int = 0
    superseded: bool = False
    filled: bool = False
    late: bool = False


@facts
class Nodes:
    """The guest's node, and another one that the move may be handed to (its overlay on a claim).

    Attributes:
        claimed: the overlay is on a claim of its own.
        claim, pod: that claim is there, and the pod that keeps it on the guest's node.
        first: the guest's node is heard, cut off (all goes on there, nothing is heard of it), off
            (and QEMU with it), or back after that.
        given_up: somebody has said that it is off; ``launcher`` whether its pod is still there.
        stale: what that node's agent was told before it was cut off, until it hears again.
        finisher: the node that it runs on.
        clash: a node wrote to an image that a QEMU on the other one has open.
    """

    claimed: bool = False
    claim: bool = False
    pod: bool = False
    first: str = "heard"
    given_up: bool = False
    launcher: bool = True
    stale: Compute | None = None
    finisher: str = ""
    clash: bool = False

    @property
    def lost(self):
        return self.first in ("cut", "off")

    @property
    def ends_pods(self):
        """By kubelet, or without it once somebody has said that the node is off."""
        return self.given_up or not self.lost


@facts
class Copying:
    """The copy Job (suspended, running, complete, failed) and its pod (running, torn).

    Attributes:
        number: how many Jobs there were of this name.
        copier: torn if the source was written to since it began, or another one runs beside it.
        leftover: a pod of a Job that was deleted still runs.
        method: what the Job is for; all but HostAssisted copy nothing.
    """

    job: str = ""
    number: int = 0
    switch: str = ""
    token: str = ""
    copier: str = ""
    leftover: bool = False
    method: str = CopyMethod.HOST_ASSISTED

    @property
    def alive(self):
        return bool(self.copier) or self.leftover


@facts
class Made:
    """What the storage has been asked to make, and the destination claim as it stands.

    Attributes:
        offers: the storage can take snapshots and clone.
        snapshot: taking, ready or failing; ``torn`` if the source was written to since.
        snapshots: how many there were; ``of`` is the switch's uid and token of the last one.
        going: the snapshot is being deleted.
        claims: how many destination claims there were.
        source: what the claim is made from, of which ``token`` is the attempt; empty if blank.
        bound: it has a volume; ``refused``: the driver says that it cannot be made.
        foreign: the claim is somebody else's, under the same name.
        leaving: the claim is being deleted; ``overdue`` since long, because a pod has it.
    """

    offers: bool = False
    snapshot: str = ""
    snapshots: int = 0
    of: tuple[str, str] = ("", "")
    torn: bool = False
    going: bool = False
    claims: int = 0
    source: str = ""
    token: str = ""
    bound: bool = False
    refused: bool = False
    foreign: bool = False
    leaving: bool = False
    overdue: bool = False

    @property
    def claim_uid(self):
        return D if self.claims <= 1 else f"{D}-{self.claims}"

    @property
    def lacks_its_source(self):
        """The snapshot that the claim is to be made from is not there."""
        kind, _, name = self.source.partition("/")
        return kind == "VolumeSnapshot" and (not self.snapshot or name != f"detour-{self.of[1]}")


@facts
class Disk:
    """The node's disk: the journal, the overlay files that are there, and whether it is full.

    Of another node, which has them on a volume only, also whether a pod there has it mounted.
    """

    record: Record | None = None
    overlays: tuple[str, ...] = ()
    full: bool = False
    mounted: bool = True


@facts
class Qemu:
    """The guest's process, its chain and job, and what is mounted in its launcher.

    Attributes:
        base: the claim that a commit writes to.
        mounted: the destination lies over the source's path.
        source_open: held open although nothing uses it, after a pivot whose daemon died.
        stale: libvirt lost sight of the last change.
        unseen: libvirt counts the job and its XML does not show it.
        shown: the launcher has the destination at a path of its own.
        own: QEMU has it open by that.
        halted: the destination takes no writes, and QEMU's own copy waits for a person.
    """

    alive: bool = True
    top: Top = Top.SOURCE
    job: Job = Job.NONE
    base: str = S
    mounted: bool = False
    source_open: bool = False
    stale: bool = False
    unseen: bool = False
    shown: bool = False
    own: bool = False
    halted: bool = False


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
