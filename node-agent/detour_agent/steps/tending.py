"""Looks after a guest on the overlay, beside the protocol's own steps.

Its writes are slowed down and given free again, and it is woken where it was paused for want of
room. Nothing of the protocol follows from it, so what fails here is shown and never holds a step
up; only the end waits until the limits of I/O are as they were.
"""

import dataclasses

from detour_agent.domain import budget, converging, throttle, waking
from detour_agent.domain.budget import Growth, Verdict
from detour_agent.domain.conditions import IN_FLIGHT
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import Ports
from detour_agent.domain.situation import Job
from detour_agent.domain.step import Action, Step
from detour_agent.errors import DetourError
from detour_agent.steps.context import Look, Memory, Pass, Switch, error_of
from detour_crds.attachment_switch import Order, Pressure, Stage, Top

PAST_RETURN = frozenset({Stage.PIVOT, Stage.CANCEL, Stage.COMMITPIVOT})
REPORTS_SOURCE = "C10"
UNREADY = frozenset({Job.MIRROR, Job.COMMIT})
OURS = frozenset({Top.SOURCE, Top.OVERLAY, Top.DESTINATION})


def judged(look: Look, switch: Switch, ports: Ports, memory: Memory) -> Look:
    """The look with what the overlay's growth, and a merge that does not get on, call for."""
    verdict = _of_growth(look, switch, ports, memory)
    rate = _of_merge(look, ports, memory)
    if rate is not None:
        slower = min(rate, verdict.write_rate or rate)
        pressure = verdict.pressure or Pressure.THROTTLED
        verdict = dataclasses.replace(verdict, write_rate=slower, pressure=pressure)
    return dataclasses.replace(look, verdict=verdict)


def _of_merge(look: Look, ports: Ports, memory: Memory) -> int | None:
    if look.seen.job not in UNREADY or look.report is None or not look.report.job.total:
        memory.course = None
        return None
    now, job = ports.clock.now(), look.report.job
    memory.course = converging.followed(memory.course, max(0, job.total - job.done), now)
    return converging.write_rate(memory.course, now)


def _of_growth(look: Look, switch: Switch, ports: Ports, memory: Memory) -> Verdict:
    if look.room is None or not look.overlays or look.seen.stage not in IN_FLIGHT:
        memory.grown = memory.growth_rate = None
        return Verdict()
    now, taken, spare = (
        ports.clock.now(),
        look.overlay_bytes,
        budget.spare(look.room, look.overlay_bytes),
    )
    rate = budget.growth_rate(memory.grown, now, taken)
    # A pause between two bursts does not make it look less often at once.
    memory.growth_rate = rate if rate is None else max(rate, (memory.growth_rate or 0) // 2)
    memory.grown = (now, taken)
    record = look.record
    growth = Growth(
        taken=taken,
        limit=(record.limit_bytes if record else 0) or taken + spare,
        room=spare,
        free=look.room.free_bytes,
        rate=memory.growth_rate,
        near_limit=switch.overlay.near_limit,
        may_cancel=look.wanted.order is not Order.SOURCE and look.seen.stage not in PAST_RETURN,
        throttled=bool(record and record.tune_before is not None),
    )
    return budget.judge(growth)


def tend(work: Pass) -> Pass:
    """Do what is due; the pass with the journal as it is then. What fails is remembered."""
    work.memory.tending_error = None
    if work.look.domain is None or work.look.report is None:
        return work
    for due in (_wake, _throttle):
        try:
            work = due(work)
        except DetourError as error:
            work.memory.tending_error = error_of(error)
    return work


def held_up(work: Pass, step: Step) -> Step:
    """The step, or to wait with the end until nothing is left to put back in a living guest."""
    at_end = step.action in (Action.REMOVE_OVERLAY, Action.REST) or step.row == REPORTS_SOURCE
    living = work.look.guest is not None and work.look.seen.top in (Top.SOURCE, Top.DESTINATION)
    if not (at_end and living and _unfinished(work)):
        return step
    # Once a cancel is reported the switch may be deleted, and nobody would look after the guest.
    row = "C9" if step.row == REPORTS_SOURCE else step.row
    return Step(row, Action.WAIT)


def _unfinished(work: Pass) -> bool:
    record, report = work.look.record, work.look.report
    slowed = record is not None and record.tune_before is not None
    sleeps = report is not None and report.no_space
    return slowed or (sleeps and work.memory.woken.tries < waking.MOST_TRIES_OFF_OVERLAY)


def _throttle(work: Pass) -> Pass:
    """Slow the guest's writes down, or put its limits of I/O back, exactly as they were.

    They are journalled before they are lowered, and forgotten once they are seen to be back.
    """
    record, verdict = work.look.record, work.look.verdict
    if record is None:
        return work
    if work.look.seen.top is Top.OVERLAY and verdict.write_rate is not None:
        now = work.domain.tune()
        before = record.tune_before if record.tune_before is not None else now
        wanted = throttle.slowed(before, verdict.write_rate)
        if record.tune_before is None:
            work = _noted(work, dataclasses.replace(record, tune_before=before))
        if throttle.is_due(now, wanted):
            work.domain.set_tune(wanted)
        return work
    if record.tune_before is None or work.look.seen.top not in OURS:
        return work
    if work.domain.tune() != record.tune_before:
        work.domain.set_tune(record.tune_before)
        return work
    return _noted(work, dataclasses.replace(record, tune_before=None))


def _noted(work: Pass, record: Record) -> Pass:
    work.write(record)
    return dataclasses.replace(work, look=dataclasses.replace(work.look, record=record))


def _wake(work: Pass) -> Pass:
    """Wake a guest that was paused for want of room, once there is some."""
    memory, seen, now = work.memory, work.look.seen, work.ports.clock.now()
    if work.look.report is None or not work.look.report.no_space:
        memory.woken = waking.seen_running(memory.woken, now)
        return work
    free = work.look.room.free_bytes if work.look.room else 0
    if waking.may_wake(seen.top, seen.stage, free, memory.woken, now):
        memory.woken = waking.Woken(memory.woken.tries + 1, now)
        work.domain.wake()
    return work
