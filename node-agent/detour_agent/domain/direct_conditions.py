"""Questions that more than one row of QEMU's own copy asks of a situation."""

from detour_agent.domain.conditions import cancel, untouched
from detour_agent.domain.situation import Job, PathImage, Seen, Target, Wanted
from detour_agent.domain.step import Condition
from detour_crds.attachment_switch import Qemu, Stage, Top

WITH_JOB = (Stage.MIRROR, Stage.PIVOT, Stage.REFUSED, Stage.CANCEL)
KNOWN = frozenset({Stage.MISSING, Stage.NONE, *WITH_JOB, Stage.DONE, Stage.CANCELLED})


def running(seen: Seen) -> bool:
    """QEMU runs."""
    return seen.qemu is Qemu.RUNNING


def foreign(wanted: Wanted, seen: Seen) -> bool:
    """Somebody else had a hand in the chain, the job or the path."""
    if not running(seen) or untouched(wanted, seen) or seen.top is Top.UNKNOWN:
        return False
    at_work = seen.top is Top.SOURCE and seen.stage in WITH_JOB
    strange = seen.job in (Job.FOREIGN, Job.COMMIT, Job.COMMIT_READY, Job.LOST)
    return seen.top in (Top.FOREIGN, Top.OVERLAY) or (
        at_work and (strange or seen.path is PathImage.FOREIGN)
    )


def unsure(wanted: Wanted, seen: Seen) -> bool:
    """Something the decision hangs on could not be seen."""
    if not running(seen) or untouched(wanted, seen) or foreign(wanted, seen):
        return False
    if seen.top is Top.UNKNOWN:
        return True
    if seen.top is not Top.SOURCE or seen.stage not in WITH_JOB:
        return False
    return seen.job is Job.UNKNOWN or seen.path is PathImage.UNKNOWN


def sure(wanted: Wanted, seen: Seen) -> bool:
    """Everything the decision hangs on was seen."""
    strange = untouched(wanted, seen) or foreign(wanted, seen) or unsure(wanted, seen)
    return running(seen) and not strange


def on(top: Top, *stages: Stage) -> Condition:
    """A condition: surely on this image, in one of these stages."""
    return lambda w, s: sure(w, s) and s.top is top and s.stage in stages


ON_NONE = on(Top.SOURCE, Stage.NONE)
ON_MIRROR = on(Top.SOURCE, Stage.MIRROR)
ON_PIVOT = on(Top.SOURCE, Stage.PIVOT)
ON_REFUSED = on(Top.SOURCE, Stage.REFUSED)
ON_CANCEL = on(Top.SOURCE, Stage.CANCEL)
ON_CANCELLED = on(Top.SOURCE, Stage.CANCELLED)
ON_DONE = on(Top.DESTINATION, Stage.DONE)


def ready(seen: Seen) -> bool:
    """Both images are the same, and kept so."""
    return seen.job is Job.MIRROR_READY and seen.target is not Target.FAILED


def covered(seen: Seen) -> bool:
    """The path names the destination where it must not."""
    return seen.path is PathImage.DESTINATION


def forward(wanted: Wanted, seen: Seen) -> bool:
    """On the way to the destination, with the path on the source."""
    at_source = seen.path is PathImage.SOURCE
    return ON_MIRROR(wanted, seen) and not cancel(wanted) and at_source


def idle(wanted: Wanted, seen: Seen) -> bool:
    """The copy may be begun."""
    good = seen.target is Target.GOOD
    return forward(wanted, seen) and seen.job is Job.NONE and good


def failed(wanted: Wanted, seen: Seen) -> bool:
    """The destination does not take the copy."""
    return forward(wanted, seen) and seen.target is Target.FAILED


def works(wanted: Wanted, seen: Seen) -> bool:
    """A job is under way and nothing has stopped it."""
    return forward(wanted, seen) and seen.job is not Job.NONE and seen.target is not Target.FAILED


def switches(wanted: Wanted, seen: Seen) -> bool:
    """The switch was journalled."""
    return ON_PIVOT(wanted, seen) and not cancel(wanted)


def left(_wanted: Wanted, seen: Seen) -> bool:
    """Something of the copy is left in QEMU or in the launcher."""
    return seen.left or seen.shown
