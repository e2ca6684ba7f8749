"""Each fail point is hit once: all of them are armed, along moves that have all effects.

A move meets the points one after the other, and its operator or agent dies at each. What the
first move has met is not armed again for the next, so that all of it takes some minutes.
"""

import dataclasses
from functools import partial

from typing_extensions import override

from harness.cluster import Target
from harness.kube import wait_for
from harness.migration import Migration
from robustness import points
from robustness.arming import Points
from robustness.injecting import PASSING, Injector
from robustness.plan import CANCEL, CRASH, SYSTEMATIC, Injection, Kind, Move, Run, Stage
from robustness.record import Record
from robustness.running import Running
from robustness.scene import Scene

GONE_SECONDS = 300
LATEST = "compute.record.order.Destination.before"
"""The last moment for a cancel: all is ready, and the operator is about to order the switch."""
RUNS: dict[str, tuple[Move, tuple[Injection, ...]]] = {
    "live": (Move(kind=Kind.LIVE, overlay="Claim"), ()),
    "cancel": (Move(kind=Kind.CANCEL), (Injection(fault=CANCEL, point=LATEST),)),
    "offline": (Move(kind=Kind.OFFLINE, overlay=""), ()),
    "stopped-finish": (
        Move(kind=Kind.STOPPED, when_stopped="Finish"),
        (Injection(fault=CRASH, stage=Stage.COPYING),),
    ),
    "stopped-cancel": (
        Move(kind=Kind.STOPPED, when_stopped="Cancel"),
        (Injection(fault=CRASH, stage=Stage.COPYING),),
    ),
    "qemu": (Move(kind=Kind.LIVE, method="Hypervisor", overlay=""), ()),
    "qemu-cancel": (
        Move(kind=Kind.CANCEL, method="Hypervisor", overlay=""),
        (Injection(fault=CANCEL, stage=Stage.COPYING),),
    ),
}
BY_STORAGE: dict[str, tuple[Move, tuple[Injection, ...]]] = {
    "snapshot": (Move(kind=Kind.LIVE, method="VolumeSnapshot", own_file_systems=True), ()),
}
"""Where there are classes that can."""


class EveryPoint(Injector):
    """Arms all points that are left, beside the faults of the run."""

    def __init__(self, run: Run, armed: Points, left: set[str]) -> None:
        super().__init__(run, armed)
        self._armed, self._left, self._own = armed, left, run.injections
        self.met: set[str] = set()

    @override
    def arm(self) -> None:
        super().arm()
        self._armed.arm(sorted(self._left - {item.point for item in self._own}))

    @override
    def end(self, scene: Scene) -> list[str]:
        """With the migrations deleted: that has effects as well."""
        try:
            for one in scene.migrations:
                scene.kube.delete("volumemigrations", one.name, one.namespace, "--wait=false")
                wait_for(f"{one.name} to be gone", partial(_is_gone, one), seconds=GONE_SECONDS)
        finally:
            self.met = self._armed.hit() & self._left
            failed = super().end(scene)
        return failed


class Systematic:
    """The runs, and the points that none of them has met yet."""

    def __init__(self, target: Target, armed: Points) -> None:
        self._target, self._armed = target, armed
        effects = [*points.operator(), *points.agent()]
        known = [effect for effect in effects if effect not in points.ELSEWHERE]
        self.left = set(points.points(known))

    def run(self, name: str) -> Record:
        """One move with all the points armed that are left."""
        move, injections = {**RUNS, **BY_STORAGE}[name]
        planned = Run(seed=SYSTEMATIC, move=move, injections=injections)
        every = EveryPoint(planned, self._armed, self.left)
        record = Running(self._target, planned, every).record(name)
        self.left -= every.met
        met = f"killed at {len(every.met)} points"
        return dataclasses.replace(record, faults=(met, *record.faults))

    def rest(self) -> Record:
        """What no run has met, which is a fault of the runs or of the list."""
        named = ", ".join(sorted(self.left))
        return Record(
            name="points",
            move="all of these together",
            faults=(),
            outcome="all points were met" if not named else "some points were not met",
            problems=(f"never met: {named}",) if named else (),
            seconds=0,
        )


def _is_gone(migration: Migration) -> bool:
    try:
        return not migration.object() and not migration.switch()
    except PASSING:
        return False
