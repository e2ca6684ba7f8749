"""Questions that more than one row of the table asks of a situation."""

from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_agent.domain.step import Condition
from detour_crds.attachment_switch import Order, Qemu, Stage, Top

IN_FLIGHT = frozenset(
    {
        Stage.START,
        Stage.OVERLAY,
        Stage.MIRROR,
        Stage.REFUSED,
        Stage.PIVOT,
        Stage.CANCEL,
        Stage.COMMITPIVOT,
    }
)
CANCELLABLE = frozenset({Stage.START, Stage.OVERLAY, Stage.MIRROR, Stage.REFUSED})
OFFLINE = frozenset({Stage.OFFLINE_FINISH, Stage.OFFLINE_COMMIT})
MIRRORING = frozenset({Job.MIRROR, Job.MIRROR_READY})
COMMITTING = frozenset({Job.COMMIT, Job.COMMIT_READY})
EARLY = frozenset({Order.NONE, Order.OVERLAY, Order.MIRRORED})


def cancel(wanted: Wanted) -> bool:
    """The compute side ordered the way back."""
    return wanted.order is Order.SOURCE


def fresh(wanted: Wanted, seen: Seen) -> bool:
    """No journal, and none was ever needed."""
    return (
        seen.stage is Stage.MISSING
        and wanted.order is Order.NONE
        and not wanted.ever_reported
        and seen.top in (Top.SOURCE, Top.FOREIGN)
    )


def untouched(wanted: Wanted, seen: Seen) -> bool:
    """Nothing was ordered and nothing was begun: whatever the disk looks like, inspect it."""
    begun = not (seen.stage is Stage.NONE or fresh(wanted, seen))
    return (
        looked(seen)
        and not begun
        and wanted.order is Order.NONE
        and seen.top in (Top.SOURCE, Top.FOREIGN)
    )


def looked(seen: Seen) -> bool:
    """QEMU runs and said which image it writes to."""
    return seen.qemu is Qemu.RUNNING and seen.top is not Top.UNKNOWN


def known(wanted: Wanted, seen: Seen) -> bool:
    """Looked at, begun, and nothing foreign about it."""
    return looked(seen) and not untouched(wanted, seen) and not foreign(wanted, seen)


def mirror_idle(wanted: Wanted, seen: Seen) -> bool:
    """On the overlay, stage mirror, going forward, no job."""
    return (
        seen.top is Top.OVERLAY
        and seen.stage is Stage.MIRROR
        and not cancel(wanted)
        and seen.job is Job.NONE
    )


def cancel_idle(seen: Seen) -> bool:
    """On the overlay, on the way back, no job."""
    return seen.top is Top.OVERLAY and seen.stage is Stage.CANCEL and seen.job is Job.NONE


def lost_start(wanted: Wanted, seen: Seen) -> bool:
    """QEMU runs on the overlay, libvirt says it is on the source, and no cancel is asked for."""
    return (
        seen.top is Top.OVERLAY
        and seen.stage is Stage.START
        and not cancel(wanted)
        and seen.libvirt is Libvirt.STALE
    )


def foreign(wanted: Wanted, seen: Seen) -> bool:
    """Somebody else had a hand in the chain, the job or the mounts."""
    if not looked(seen) or untouched(wanted, seen):
        return False
    if seen.top is Top.FOREIGN or seen.job is Job.FOREIGN:
        return True
    if seen.top is not Top.OVERLAY or seen.stage is Stage.MISSING:
        return False
    idle = mirror_idle(wanted, seen)
    strange_path = (idle and seen.target is not Target.FAILED) or cancel_idle(seen)
    if strange_path and seen.path is PathImage.FOREIGN:
        return True
    if lost_start(wanted, seen):
        wrong_path = seen.job is Job.NONE and seen.path in (
            PathImage.FOREIGN,
            PathImage.DESTINATION,
        )
        wrong_base = seen.job is Job.COMMIT_READY and not seen.base_is_source
        return wrong_path or wrong_base or seen.job in (*MIRRORING, Job.LOST)
    forward = not cancel(wanted) and seen.stage in (Stage.MIRROR, Stage.PIVOT)
    return forward and seen.job in COMMITTING


def unsure(wanted: Wanted, seen: Seen) -> bool:
    """Something the decision hangs on could not be seen."""
    if not known(wanted, seen) or seen.top is not Top.OVERLAY:
        return False
    if seen.stage is Stage.MISSING:
        return seen.job in (Job.ENDING, Job.UNKNOWN)
    if lost_start(wanted, seen) and seen.job is Job.NONE:
        return seen.path is PathImage.UNKNOWN
    if mirror_idle(wanted, seen):
        path_matters = seen.target is Target.GOOD and seen.path is PathImage.UNKNOWN
        settling = seen.target is Target.GOOD and seen.libvirt is Libvirt.SETTLING
        return seen.target is Target.UNKNOWN or path_matters or settling
    if cancel_idle(seen):
        settling = seen.path is PathImage.SOURCE and seen.libvirt is Libvirt.SETTLING
        return seen.path is PathImage.UNKNOWN or settling
    forward = not cancel(wanted) and seen.stage in (Stage.MIRROR, Stage.PIVOT)
    back = seen.stage in (Stage.CANCEL, Stage.COMMITPIVOT)
    return (forward or back) and seen.job is Job.UNKNOWN


def overlay_missing(seen: Seen) -> bool:
    """The overlay that may hold the guest's last writes is not on the node's disk.

    In stage start there may never have been one: then the source has them all.
    """
    ever = seen.stage is not Stage.START or seen.overlay_handed
    return seen.stage in IN_FLIGHT | OFFLINE and ever and not seen.overlay_present


def nothing_begun(wanted: Wanted, seen: Seen) -> bool:
    """The source has everything: no start was journalled, and nothing says that one was lost."""
    never = seen.stage is Stage.MISSING and not wanted.ever_reported
    return seen.stage is Stage.NONE or (never and not seen.overlay_present)


def gone(seen: Seen, *stages: Stage) -> bool:
    """The guest was seen to be gone, in one of these stages."""
    return seen.qemu is Qemu.GONE and seen.stage in stages


def on(top: Top, *stages: Stage) -> Condition:
    """A condition: surely on this image, in one of these stages."""

    def matches(wanted: Wanted, seen: Seen) -> bool:
        return sure(wanted, seen) and seen.top is top and seen.stage in stages

    return matches


def sure(wanted: Wanted, seen: Seen) -> bool:
    """Everything the decision hangs on was seen."""
    return known(wanted, seen) and not unsure(wanted, seen)


SOURCE_NONE = on(Top.SOURCE, Stage.NONE)
SOURCE_START = on(Top.SOURCE, Stage.START)
SOURCE_CANCELLED = on(Top.SOURCE, Stage.CANCELLED)
SOURCE_BACK = on(Top.SOURCE, Stage.CANCEL, Stage.COMMITPIVOT)
ON_START = on(Top.OVERLAY, Stage.START)
ON_OVERLAY = on(Top.OVERLAY, Stage.OVERLAY)
ON_MIRROR = on(Top.OVERLAY, Stage.MIRROR)
ON_PIVOT = on(Top.OVERLAY, Stage.PIVOT)
ON_REFUSED = on(Top.OVERLAY, Stage.REFUSED)
ON_CANCEL = on(Top.OVERLAY, Stage.CANCEL)
ON_COMMITPIVOT = on(Top.OVERLAY, Stage.COMMITPIVOT)
ON_CANCELLABLE = on(Top.OVERLAY, *CANCELLABLE)
ON_DONE = on(Top.DESTINATION, Stage.DONE)


def copy_ready(wanted: Wanted, seen: Seen, path: PathImage) -> bool:
    """The mirror can be begun, as far as this path allows."""
    idle = ON_MIRROR(wanted, seen) and mirror_idle(wanted, seen)
    return idle and seen.target is Target.GOOD and seen.path is path


def copy_failed(wanted: Wanted, seen: Seen) -> bool:
    """No mirror, and the destination cannot take one."""
    return mirror_idle(wanted, seen) and sure(wanted, seen) and seen.target is Target.FAILED


def heals(wanted: Wanted, seen: Seen) -> bool:
    """A commit of this stage belongs to a start that is undone, not to a cancel."""
    return seen.healing and not cancel(wanted)
