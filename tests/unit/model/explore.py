"""Every world that can be reached from a start, with what was broken and which rows were met."""

import dataclasses
from collections.abc import Callable

from detour_crds.attachment_switch import Order
from detour_crds.attachment_switch import Qemu as Gone
from detour_operator.compute_side import actions
from unit.model import agent, events, invariants, parts
from unit.model.world import World

Event = Callable[[World], set[World]]
START = World()


@dataclasses.dataclass(frozen=True)
class Family:
    """A start, and what may happen besides the three parts' own passes.

    Attributes:
        wishes: what users do, each at any moment.
        accidents: at most ``faults`` of them.
        daemon: the libvirt daemon may die in a call, which is an accident too.
        crashes: a pass may end after any of its effects, and the agent may be new or deaf.
        late: an operator may stop before a write and send it later, when another one acts.
        torn: an operator may stop after it has read its own object, and read the rest later.
    """

    start: World = START
    wishes: tuple[Event, ...] = ()
    accidents: tuple[Event, ...] = ()
    faults: int = 0
    daemon: bool = False
    crashes: bool = True
    late: bool = False
    torn: bool = False


@dataclasses.dataclass
class Reached:
    """What an exploration found.

    Attributes:
        fair: for each world those that follow without a wish, an accident or a crash.
        rows: of the recovery table.
        offences: broken invariant and the way to it.
    """

    fair: dict[World, set[World]] = dataclasses.field(default_factory=dict)
    rows: set[str] = dataclasses.field(default_factory=set)
    offences: list[tuple[str, list[World]]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Next:
    """What may follow one world."""

    fair: set[World]
    others: set[World] = dataclasses.field(default_factory=set)
    steps: list[parts.Step] = dataclasses.field(default_factory=list)
    polls: list[str] = dataclasses.field(default_factory=list)
    rows: set[str] = dataclasses.field(default_factory=set)


def explore(family: Family, using=parts.REAL, *, until_offence=False) -> Reached:
    """Visit every world once; where something is broken, go no further."""
    found = Reached()
    came_from, todo = {family.start: None}, [family.start]
    while todo:
        here = todo.pop()
        then = following(family, using, here)
        found.rows |= then.rows
        names = invariants.broken(here)
        names += [name for step in then.steps for name in invariants.wrong_step(step)]
        names += then.polls
        if names:
            found.offences += [(name, way_to(here, came_from)) for name in names]
            if until_offence:
                break
            continue
        found.fair[here] = then.fair - {here}
        for world in then.fair | then.others:
            if world not in came_from:
                came_from[world] = here
                todo.append(world)
    return found


def way_to(world, came_from):
    """The worlds on the way, from the start on."""
    way = []
    while world is not None:
        way.append(world)
        world = came_from[world]
    return way[::-1]


def following(family, using, here) -> Next:
    """Everything that may follow one world."""
    then = Next(events.fair(here))
    _operators(family, using, here, then)
    _late_operator(using, here, then)
    _agent(family, using, here, then)
    then.others.update(parts.strays(using, here, crashes=family.crashes))
    for event in family.wishes:
        then.others |= event(here)
    if here.faults < family.faults:
        for event in family.accidents:
            then.others |= event(here)
    return then


def _operators(family, using, here, then):
    for side, writes in parts.operator_writes(using, here).items():
        done = parts.carried_out(side, here, writes)
        then.steps += done
        then.fair |= {step.after for step in done[-1:]}
        if parts.hurries(using, side, here) and not _came_of_it(here, writes, done):
            then.polls.append(f"{side}_polls")
        then.rows.update(row for step in done for row in operator_rows(step))
        if family.crashes:
            then.others |= {step.after for step in done[:-1]}
        if here.late is None and family.late:
            then.others |= parts.stalled(side, here, writes)
        if here.late is None and family.torn:
            then.others.add(parts.glimpsed(side, here))


def _came_of_it(here, writes, done):
    """Whether the world is another after a pass; what was refused is a conflict, and paced."""
    return len(done) < len(writes) or (done and done[-1].after != here)


def _late_operator(using, here, then):
    late = parts.woken(using, here)
    if late is not None:
        then.steps.append(late)
        then.fair.add(late.after)


def _agent(family, using, here, then):
    for row, mood, effects in parts.agent_passes(using, here):
        if mood != "patient" and not family.crashes:
            continue
        then.rows.add(row)
        worlds = agent.prefixes(here, effects)
        (then.fair if mood == "patient" else then.others).update(worlds[-1:])
        if family.crashes:
            then.others.update(worlds[:-1])
        if family.daemon and here.faults < family.faults:
            split = agent.daemon_dies(here, effects)
            then.others |= {split.fault()} if split else set()


def operator_rows(step):
    """Rows of the table that are the operator's alone."""
    before, after = step.before, step.after
    if isinstance(step.what, actions.FinishInstance):
        yield "U6"
    if before.order is not Order.NONE and not before.locked and after.locked:
        yield "U2"
    yield from rows_of_a_stopped_machine(before, after)


def rows_of_a_stopped_machine(before, after):
    """From the start on, and from the middle of a live move on."""
    was, now = ((world.switch.compute if world.switch else None) for world in (before, after))
    if was is None or now is None:
        return
    if now.offline and not was.offline:
        yield "D0"
    if was.offline and before.machine.claim != after.machine.claim:
        yield "F2"
    if was.offline and was.locked and not now.locked:
        yield "F1" if before.instance.alive else "F3"
    gone = before.switch.report.qemu is Gone.GONE and not before.instance.alive
    if (
        gone
        and before.order in (Order.OVERLAY, Order.MIRRORED)
        and after.order is not before.order
    ):
        yield "D15" if after.order is Order.DESTINATION else "D16"
