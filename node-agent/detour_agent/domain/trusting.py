"""A person's answer to a stop (``spec.trust``): the stage to go on from; pure.

An answer counts for the stop that it names alone, and only where its image is one of those that
may hold the guest's last writes, and only once the order goes the same way: forward for the
destination, back for the source. Where the order Destination was given already, ``cancelled`` and
``refused`` are promises never to pivot.
"""

from detour_agent.domain.conditions import cancel
from detour_agent.domain.situation import Seen, Target, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds import answers
from detour_crds.attachment_switch import Order, Qemu, Stage
from detour_crds.volume_migration import Trust


def answered(wanted: Wanted, seen: Seen, stop: Step) -> Step:
    """The step that a person's answer makes of a stop; the stop itself where it does not fit."""
    stage = _stage(wanted, seen, stop.reason)
    if stage is None:
        return stop
    rebuilds = seen.stage is Stage.MISSING
    return Step("T1", Action.REBUILD if rebuilds else Action.JOURNAL, stage=stage)


def _stage(wanted: Wanted, seen: Seen, reason: str) -> Stage | None:
    if wanted.trust is None or wanted.answered != reason or wanted.order is Order.NONE:
        return None
    if seen.qemu is Qemu.RUNNING:
        on_top = answers.ON_TOP.get(seen.top) is wanted.trust
        fits = reason == answers.AGAINST_RECORD and on_top
        return _of_running(wanted) if fits else None
    candidates = answers.OF_GONE_DIRECT if wanted.direct else answers.OF_GONE
    return _of_gone(wanted, seen) if wanted.trust in candidates.get(reason, ()) else None


def _of_running(wanted: Wanted) -> Stage | None:
    """Where QEMU writes is what the journal says from here on."""
    if wanted.trust is Trust.SOURCE:
        return Stage.CANCELLED
    if wanted.trust is Trust.DESTINATION:
        return None if cancel(wanted) else Stage.DONE
    if cancel(wanted):
        return Stage.CANCEL
    return Stage.REFUSED if wanted.refused else Stage.OVERLAY


def _of_gone(wanted: Wanted, seen: Seen) -> Stage | None:
    if wanted.trust is Trust.SOURCE:
        return Stage.CANCELLED
    if wanted.trust is Trust.DESTINATION:
        forward = wanted.order is Order.DESTINATION and not wanted.refused
        return Stage.DONE if forward else None
    if cancel(wanted):
        return Stage.OFFLINE_COMMIT if seen.stage is not Stage.OFFLINE_COMMIT else None
    if wanted.order is not Order.DESTINATION:
        return None
    refused = wanted.refused or seen.target is Target.FAILED
    return Stage.REFUSED if refused else Stage.OFFLINE_FINISH
