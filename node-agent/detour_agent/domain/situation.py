"""What is wanted of one disk and what was seen of it, reduced to what the decision depends on."""

import dataclasses
from enum import StrEnum

from detour_crds.attachment_switch import Order, Qemu, Stage, Top
from detour_crds.volume_migration import Trust


class Job(StrEnum):
    """The block job of the disk.

    ENDING while libvirt completes or aborts it; LOST if QEMU runs a mirror or a commit, or libvirt
    counts one, that libvirt's XML does not show: its daemon died in the call that began it.
    """

    NONE = "none"
    MIRROR = "mirror"
    MIRROR_READY = "mirror-ready"
    COMMIT = "commit"
    COMMIT_READY = "commit-ready"
    ENDING = "ending"
    LOST = "lost"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


class PathImage(StrEnum):
    """The image that the canonical path names inside the launcher, by identity."""

    SOURCE = "source"
    DESTINATION = "destination"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


class Target(StrEnum):
    """Whether the destination can take the merge."""

    GOOD = "good"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Libvirt(StrEnum):
    """Whether libvirt's XML says what QEMU says.

    SETTLING is a disagreement too young to judge: a call may still be under way in the daemon.
    """

    AGREES = "agrees"
    SETTLING = "settling"
    STALE = "stale"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the compute side asked for, and what it was told so far under this token."""

    order: Order
    reported: Order = Order.NONE
    trust: Trust | None = None
    """A person's answer to a stop."""
    answered: str | None = None
    """The reason of the stop of this attempt that it was given to."""
    ever_reported: bool = False
    """A stage beyond ``none`` stands in the API: a missing journal was there once."""
    refused: bool = False
    """The promise never to pivot stands in the API."""
    direct: bool = False
    """QEMU copies the disk, without an overlay."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look: QEMU's own answer, the journal, the mounts."""

    qemu: Qemu = Qemu.RUNNING
    top: Top
    stage: Stage
    job: Job = Job.NONE
    path: PathImage = PathImage.SOURCE
    target: Target = Target.UNKNOWN
    libvirt: Libvirt = Libvirt.AGREES
    overlay_present: bool = True
    """The file of a journalled overlay is on the node's disk."""
    overlay_handed: bool = True
    """QEMU may have been told to write to a journalled overlay."""
    base_is_source: bool = False
    """QEMU holds the source writable and the destination not."""
    source_open: bool = True
    source_writable: bool = False
    healing: bool = False
    """The journal says that a commit undoes a start libvirt lost sight of; it is no cancel."""
    base: Target = Target.UNKNOWN
    """Of a guest that is gone: whether the source can take the overlay back, by the finisher."""
    equal: bool | None = None
    """Whether the image the overlay belongs on has all of it; None until they were compared."""
    tries_left: bool = True
    """Another overlay name may be journalled for the start."""
    made: bool = False
    """Of a direct copy: the journal names the destination's image, blank or copied to."""
    shown: bool = False
    """Of a direct copy: the launcher has the destination at a path of its own."""
    left: bool = False
    """Of a direct copy: QEMU has the destination's own nodes, and no job uses them."""
