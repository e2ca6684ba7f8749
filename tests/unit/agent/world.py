"""A small world of one disk: QEMU, journal, mounts, API and images, and all that can happen.

What matters of an image is one bit: whether it (or the overlay over the source) holds every write
the guest was told is durable. The agent may crash between any two of its effects; what it knows
is what it reads again, the order possibly an older one.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache

from detour_agent.domain.decisions import RULES, decide
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_agent.domain.status import reached
from detour_agent.domain.step import Action, Rule, Step
from detour_crds.attachment_switch import Order, Stage, Top

MAX_TRIES = 2
"""Of start and mirror each: enough for a failure and another try."""


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """All there is; ``source``, ``both`` and ``destination`` say who holds every write."""

    top: Top = Top.SOURCE
    stage: Stage = Stage.NONE
    healing: bool = False
    job: Job = Job.NONE
    path: PathImage = PathImage.SOURCE
    base: PathImage = PathImage.SOURCE
    libvirt: Libvirt = Libvirt.AGREES
    order: Order = Order.NONE
    read: Order = Order.NONE
    reported: Order = Order.NONE
    refused: bool = False
    tries: int = 0
    mirrors: int = 0
    copied: bool = False
    overlay: bool = False
    empty: bool = True
    source: bool = True
    both: bool = True
    destination: bool = False
    thawed: bool = False
    """The source was written while it was said to be frozen."""

    def but(self, **changes: object) -> "World":
        return dataclasses.replace(self, **changes)

    def situation(self) -> tuple[Wanted, Seen]:
        """What the agent reads and sees."""
        on_source = self.top is Top.SOURCE
        committing = self.job in (Job.COMMIT, Job.COMMIT_READY)
        writes_source = committing and self.base is PathImage.SOURCE
        good = Target.GOOD if self.mirrors < MAX_TRIES else Target.FAILED
        return Wanted(order=self.read, reported=self.reported), Seen(
            top=self.top,
            stage=self.stage,
            healing=self.healing,
            job=self.job,
            path=self.path,
            target=good if self.copied else Target.UNKNOWN,
            libvirt=self.libvirt,
            overlay_present=self.overlay,
            base_is_source=on_source or writes_source,
            source_open=self.top is not Top.DESTINATION,
            source_writable=on_source or writes_source,
            tries_left=self.tries < MAX_TRIES,
        )

    def violations(self) -> list[str]:
        """Which promises do not hold."""
        holds = {
            Top.SOURCE: self.source,
            Top.OVERLAY: self.both,
            Top.DESTINATION: self.destination,
        }
        found = []
        if not holds[self.top]:
            found.append("the guest runs on an image that lacks writes")
        if not recorded(self):
            found.append("the record names no image that holds every write")
        if self.thawed:
            found.append("the source was written while it was said to be frozen")
        return found

    def ended(self) -> bool:
        """Over, and the API knows."""
        done = self.stage is Stage.DONE and self.reported is Order.DESTINATION
        cancelled = self.stage in (Stage.CANCELLED, Stage.NONE)
        return done or (cancelled and self.reported is Order.SOURCE)


def recorded(world: World) -> bool:
    """Whether the images that recovery would take by the journal hold every write.

    An intent names two candidates, of which recovery takes one only if they are equal.
    """
    if world.stage in (Stage.NONE, Stage.CANCELLED):
        return world.source
    if world.stage is Stage.DONE:
        return world.destination
    overlay = world.both if world.overlay else world.source
    if world.stage is Stage.PIVOT:
        return overlay or world.destination
    if world.stage is Stage.COMMITPIVOT:
        return overlay or world.source
    return overlay


def successors(world: World, rules: tuple[Rule, ...] = RULES) -> Iterator[World]:
    """Every world that can come next."""
    yield from guest(world)
    yield from jobs(world)
    yield from operator(world)
    yield from agent(world, rules)


def guest(world: World) -> Iterator[World]:
    """The guest writes."""
    if world.top is Top.SOURCE:
        frozen = world.reported in (Order.OVERLAY, Order.MIRRORED)
        yield world.but(
            source=True,
            both=world.both and world.empty,
            destination=False,
            thawed=world.thawed or (frozen and world.order is not Order.SOURCE),
        )
    elif world.top is Top.OVERLAY:
        # A ready mirror takes each write before the guest hears of it (synchronous writes).
        mirrored = world.destination and world.job is Job.MIRROR_READY
        yield world.but(both=True, empty=False, source=False, destination=mirrored)
    else:
        yield world.but(destination=True, both=False, source=False)


def jobs(world: World) -> Iterator[World]:
    """Block jobs become ready or fail."""
    if world.job is Job.MIRROR:
        yield world.but(job=Job.MIRROR_READY, destination=world.copied)
    if world.job is Job.COMMIT:
        yield world.but(job=Job.COMMIT_READY)
    if world.job is not Job.NONE:
        yield world.but(job=Job.NONE)


def operator(world: World) -> Iterator[World]:
    """The compute side gives orders in their sequence; a copy ends; a cancel comes at any time."""
    if world.order is Order.NONE:
        yield world.but(order=Order.OVERLAY)
    if world.order is Order.OVERLAY and world.reported is Order.OVERLAY:
        yield world.but(order=Order.MIRRORED, copied=True)
    if world.order is Order.MIRRORED and world.reported is Order.MIRRORED:
        yield world.but(order=Order.DESTINATION)
    cancellable = world.order in (Order.NONE, Order.OVERLAY, Order.MIRRORED)
    if cancellable or (world.order is Order.DESTINATION and world.refused):
        yield world.but(order=Order.SOURCE)
    if world.read is not world.order:
        yield world.but(read=world.order)


decide_once = cache(decide)


def agent(world: World, rules: tuple[Rule, ...]) -> Iterator[World]:
    """One step, and every place at which the agent can die in it."""
    wanted, seen = world.situation()
    step = decide_once(wanted, seen, rules)
    held = reached(wanted, seen, step, world.reported)
    yield world.but(reported=held, refused=seen.stage is Stage.REFUSED)
    yield from EFFECTS.get(step.action, nothing)(world, step)


def nothing(_world: World, _step: Step) -> Iterator[World]:
    yield from ()


def journal(world: World, step: Step) -> Iterator[World]:
    kept = step.stage is Stage.COMMITPIVOT
    yield world.but(stage=step.stage, healing=world.healing and kept)


def begin(world: World, _step: Step) -> Iterator[World]:
    yield world.but(stage=Stage.START)


def start(world: World, _step: Step) -> Iterator[World]:
    """The call works, fails, or works while the daemon dies."""
    named = world.but(overlay=True, empty=True, both=True, tries=world.tries + 1)
    yield named
    yield named.but(top=Top.OVERLAY)
    yield named.but(top=Top.OVERLAY, libvirt=Libvirt.STALE)


def discard(world: World, _step: Step) -> Iterator[World]:
    cancelled = world.but(stage=Stage.CANCELLED)
    yield cancelled
    yield cancelled.but(overlay=False, empty=True)


def restart(world: World, _step: Step) -> Iterator[World]:
    yield world.but(stage=Stage.START, healing=False, overlay=False, empty=True, both=True)


def over_mount(world: World, _step: Step) -> Iterator[World]:
    yield world.but(path=PathImage.DESTINATION)


def copy(world: World, _step: Step) -> Iterator[World]:
    tried = world.but(mirrors=world.mirrors + 1)
    yield tried
    yield tried.but(job=Job.MIRROR, destination=False)
    yield tried.but(job=Job.LOST, destination=False)


def pivot(world: World, _step: Step) -> Iterator[World]:
    yield world.but(top=Top.DESTINATION, job=Job.NONE)


def abort(world: World, _step: Step) -> Iterator[World]:
    yield world.but(job=Job.NONE)


def unmount(world: World, _step: Step) -> Iterator[World]:
    yield world.but(path=PathImage.SOURCE)


def commit(world: World, _step: Step) -> Iterator[World]:
    """QEMU opens the base by its name: what is at the path is what gets written."""
    yield world.but(job=Job.COMMIT, base=world.path)
    yield world.but(job=Job.LOST, base=world.path)


def heal(world: World, _step: Step) -> Iterator[World]:
    intended = world.but(healing=world.healing or world.stage is Stage.START)
    yield intended
    yield intended.but(job=Job.COMMIT, base=world.path)


def commit_pivot(world: World, _step: Step) -> Iterator[World]:
    over = world.but(job=Job.NONE, libvirt=Libvirt.AGREES)
    if world.base is PathImage.SOURCE:
        yield over.but(top=Top.SOURCE, source=world.both)
    else:
        yield over.but(top=Top.DESTINATION, destination=world.both and world.copied)


def remove_overlay(world: World, _step: Step) -> Iterator[World]:
    yield world.but(overlay=False, both=False)


EFFECTS: dict[Action, Callable[[World, Step], Iterator[World]]] = {
    Action.JOURNAL: journal,
    Action.BEGIN: begin,
    Action.START: start,
    Action.DISCARD: discard,
    Action.RESTART: restart,
    Action.OVER_MOUNT: over_mount,
    Action.COPY: copy,
    Action.PIVOT: pivot,
    Action.ABORT: abort,
    Action.UNMOUNT: unmount,
    Action.COMMIT: commit,
    Action.COMMIT_PIVOT: commit_pivot,
    Action.HEAL: heal,
    Action.HEAL_COMPLETE: commit_pivot,
    Action.REMOVE_OVERLAY: remove_overlay,
}


def explore(rules: tuple[Rule, ...] = RULES) -> dict[World, tuple[World, ...]]:
    """Every reachable world with its successors; stops at the first that breaks a promise."""
    edges: dict[World, tuple[World, ...]] = {}
    todo = [World()]
    while todo:
        here = todo.pop()
        if here in edges:
            continue
        if here.violations():
            edges[here] = ()
            return edges
        edges[here] = tuple(set(successors(here, rules)) - {here})
        todo += edges[here]
    return edges


def broken(edges: dict[World, tuple[World, ...]]) -> list[tuple[World, list[str]]]:
    """The worlds that break a promise."""
    return [(world, world.violations()) for world in edges if world.violations()]
