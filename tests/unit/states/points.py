"""The situations that the page's tables are drawn from, with what is decided in each.

Sideways facts are varied one by one, or in the pairs that mean something, beside every combination
of the main ones: all of them at once would be millions.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from functools import cache

from detour_agent.domain import trusting
from detour_agent.domain.decisions import decide
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds.attachment_switch import Order, Qemu, Stage, Top
from detour_crds.volume_migration import Trust

RUNNING = (
    {},
    {"reported": Order.SOURCE},
    {"reported": Order.DESTINATION},
    {"reported": Order.SOURCE, "overlay_present": False},
    {"reported": Order.DESTINATION, "overlay_present": False},
    {"ever_reported": True},
    {"ever_reported": True, "refused": True},
    {"source_open": False},
    {"source_open": False, "reported": Order.SOURCE},
    {"source_open": False, "reported": Order.DESTINATION},
    {"source_writable": True},
    {"tries_left": False},
    {"base_is_source": True},
    {"healing": True},
    {"healing": True, "base_is_source": True},
    {"libvirt": Libvirt.SETTLING},
    {"libvirt": Libvirt.STALE},
    {"libvirt": Libvirt.STALE, "base_is_source": True},
)
OTHER_ENDS = (
    {"path": PathImage.DESTINATION},
    {"target": Target.FAILED},
    {"path": PathImage.DESTINATION, "target": Target.FAILED},
)
PAIRS = ({"path": PathImage.DESTINATION, "libvirt": Libvirt.STALE},)
GONE = (
    {},
    {"reported": Order.SOURCE},
    {"reported": Order.DESTINATION},
    {"reported": Order.SOURCE, "overlay_present": False},
    {"reported": Order.DESTINATION, "overlay_present": False},
    {"ever_reported": True},
    {"ever_reported": True, "overlay_present": False},
    {"overlay_present": False},
    {"overlay_handed": False},
    {"overlay_handed": False, "overlay_present": False},
)
OF_WANTED = frozenset(field.name for field in dataclasses.fields(Wanted))
DEFAULTS = {
    field.name: field.default
    for kind in (Wanted, Seen)
    for field in dataclasses.fields(kind)
    if field.default is not dataclasses.MISSING
}
Facts = dict[str, object]
Situation = tuple[Facts, Step]


@cache
def running() -> tuple[Situation, ...]:
    """A guest that runs."""
    return tuple(_running())


@cache
def gone() -> tuple[Situation, ...]:
    """A guest that was seen to be gone, with what a finisher shows of its images."""
    return tuple(_gone())


def _running() -> Iterator[Situation]:
    for top, stage, order, job in itertools.product(Top, Stage, Order, Job):
        main = {"top": top, "stage": stage, "order": order, "job": job, "target": Target.GOOD}
        for changes in _changes(top, job):
            yield _decided({**main, **changes})


def _changes(top: Top, job: Job) -> Iterator[Facts]:
    """The path and the destination, of which little is asked while a job runs; then the rest."""
    idle = job is Job.NONE
    for path, target in itertools.product(PathImage, Target) if idle else ():
        yield {"path": path, "target": target}
    strange = top in (Top.UNKNOWN, Top.FOREIGN) or job in (Job.UNKNOWN, Job.FOREIGN)
    for ends in ({}, *OTHER_ENDS):
        for sideways in ({},) if strange or (ends and not idle) else RUNNING:
            yield {**ends, **sideways}
    if not strange and not idle:
        yield from PAIRS


def _gone() -> Iterator[Situation]:
    for stage, order, target, base, equal in itertools.product(
        Stage, Order, Target, Target, (None, True, False)
    ):
        main = {"stage": stage, "order": order, "target": target, "base": base, "equal": equal}
        for sideways in GONE:
            yield _decided({"qemu": Qemu.GONE, "top": Top.UNKNOWN, **main, **sideways})


def answered(situations: Iterable[Situation]) -> Iterator[Situation]:
    """What a person's answer makes of each stop, the stop itself where it does not fit."""
    told = set()
    for facts, stop in situations:
        if stop.action is not Action.STOP:
            continue
        asked = {name: facts[name] for name in ("qemu", "order", "stage", "target", "top")}
        if (key := (stop.reason, *asked.values())) in told:
            continue
        told.add(key)
        for trust in Trust:
            wanted, seen = _both(facts | {"trust": trust, "answered": stop.reason})
            step = trusting.answered(wanted, seen, stop)
            yield {**asked, "answered": stop.reason, "trust": trust}, step


def _decided(changes: Facts) -> Situation:
    return {**DEFAULTS, **changes}, decide(*_both(changes))


def _both(facts: Facts) -> tuple[Wanted, Seen]:
    wanted = {name: value for name, value in facts.items() if name in OF_WANTED}
    seen = {name: value for name, value in facts.items() if name not in OF_WANTED}
    return Wanted(**wanted), Seen(**seen)
