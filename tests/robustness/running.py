"""Carries one run out, from a fresh namespace to the last check."""

import dataclasses
import os
import time
from collections.abc import Iterator

from harness import cluster
from harness.cluster import Target
from harness.kube import Object, TimedOutError
from harness.migration import Migration
from robustness import checks, moves, outcome, stages
from robustness.checks import Disk
from robustness.injecting import PASSING, Injector
from robustness.outcome import End, Outcome
from robustness.plan import Kind, Run
from robustness.record import Record
from robustness.scene import Scene

TICK_SECONDS = 0.15
END_SECONDS = 1200
"""For a migration to end, all its faults included."""
STOP_SECONDS = 15
"""A stop that lasts as long as this waits for a person."""


class Running:
    """One run under way."""

    def __init__(self, target: Target, run: Run, injector: Injector) -> None:
        self._target, self._run = target, run
        self._injector = injector
        self._outcomes: dict[str, Outcome] = {}
        self._steps: dict[str, list[str]] = {}
        self._stopped_since: dict[str, float] = {}
        self._switches: dict[str, str] = {}
        """The newest of each migration."""
        self._uids: set[str] = set()
        """Of all switches there were."""
        self._frozen: dict[str, str] = {}
        self._problems: list[str] = []

    def record(self, name: str) -> Record:
        """Carry it out, and say what came of it; never raises for what went wrong in it."""
        began = time.monotonic()
        made, kube = f"robustness-{name}-{os.getpid()}", self._target.kube
        try:
            kube.run("create", "namespace", made)
            self._all(made)
            # What a bad run has left is there to be looked at.
            if not self._problems:
                cluster.remove_namespace(kube, made)
        except (AssertionError, *PASSING) as error:
            self._problems.append(str(error) or type(error).__name__)
        return Record(
            name=name,
            move=self._run.move.words(),
            faults=tuple(
                f"{one.injection.fault} {one.injection.moment}: {one.told}"
                for one in self._injector.planned
            ),
            outcome=", ".join(f"{name} {end.words()}" for name, end in self._outcomes.items()),
            problems=tuple(self._problems),
            seconds=round(time.monotonic() - began),
            run=self._run,
        )

    def _all(self, made: str) -> None:
        checks.of_cluster(self._target.kube)
        scene = moves.prepare(self._target, self._run.move, made)
        booted = scene.machine.instance_uid()
        try:
            self._injector.arm()
            moves.begin(scene)
            try:
                self._follow(scene)
            finally:
                self._problems += self._injector.end(scene)
            checks.of_cluster(self._target.kube)
            self._after(scene, booted)
        finally:
            scene.machine.log.stop()

    def _after(self, scene: Scene, booted: str) -> None:
        for end in self._outcomes.values():
            self._problems += self._complaints(end)
        if self._outcomes["m"].end is End.FAILED:
            self._problems += self._try_again(scene)
        disks = list(self._disks(scene))
        kept = "" if self._may_restart() else booted
        self._problems += checks.of_machine(scene, disks, booted=kept)
        lost = max((one.fault.slack for one in self._injector.planned), default=0)
        slack = lost if self._may_restart() else 0
        self._problems += checks.of_data(scene, disks, slack=slack)
        self._problems += checks.of_leftovers(scene, sorted(self._uids))

    def _follow(self, scene: Scene) -> None:
        """Until every migration has ended.

        Raises:
            TimedOutError: one does not.
        """
        until = time.monotonic() + END_SECONDS
        while not all(one.name in self._outcomes for one in scene.migrations):
            self._injector.tick(scene)
            for migration in scene.migrations:
                try:
                    self._look(scene, migration)
                except PASSING:
                    continue  # the API server is away: another tick comes
            if time.monotonic() > until:
                stories = [one.story() for one in scene.migrations]
                raise TimedOutError("it did not end; seen last: " + " / ".join(stories))
            time.sleep(TICK_SECONDS)

    def _look(self, scene: Scene, migration: Migration) -> None:
        found, switch = migration.object(), migration.switch()
        self._note_switch(scene, migration.name, switch)
        known = stages.conditions(found)
        steps = tuple(self._steps.get(migration.name, ()))
        end = outcome.end_of(known)
        if not found and not switch:
            end = Outcome(end=End.GONE)
        if end is not None:
            self._outcomes[migration.name] = dataclasses.replace(end, steps=steps)
            return
        self._answer(scene, migration, outcome.stop_of(known), found)

    def _answer(self, scene: Scene, migration: Migration, stop: str, found: Object) -> None:
        """Take the documented step once a stop has lasted."""
        now = time.monotonic()
        if not stop or stop in outcome.PASSING:
            self._stopped_since.pop(migration.name, None)
            return
        since = self._stopped_since.setdefault(migration.name, now)
        given = self._steps.setdefault(migration.name, [])
        if now - since < STOP_SECONDS or f"stop {stop}" in given:
            return
        if stop not in outcome.STEPS:
            raise AssertionError(f"a stop without a step: {migration.story()}")
        names = (migration.name, migration.namespace)
        step = outcome.step_of(stop, found)
        scene.kube.patch("volumemigrations", *names, {"spec": step})
        given.append(f"stop {stop}")

    def _note_switch(self, scene: Scene, name: str, switch: dict) -> None:
        uid = str(switch.get("metadata", {}).get("uid", ""))
        if not uid:
            return
        self._switches[name] = uid
        self._uids.add(uid)
        known = stages.conditions(switch)
        frozen = known.get("SourceFrozen", {}).get("status") == "True"
        offline = self._run.move.kind is Kind.OFFLINE
        if name != "m" or not frozen or offline or uid in self._frozen:
            return
        self._frozen[uid] = ""
        found = checks.frozen(scene)
        order = scene.migration.switch().get("status", {}).get("compute", {}).get("order")
        if order == "Overlay":  # later the path names the destination
            self._frozen[uid] = found

    def _disks(self, scene: Scene) -> Iterator[Disk]:
        many = self._run.move.disks > 1
        for one in scene.migrations[: self._run.move.disks]:
            volume = moves.volume_of(scene, one.name)
            source = scene.machine.source if volume == "data" else f"{volume}-source"
            end, name = self._outcomes[one.name], one.name
            if name == "m" and "again" in self._outcomes:
                end, name = self._outcomes["again"], "again"
            yield Disk(
                volume=volume,
                source=source,
                claim=checks.outcome_claim(end, source, name),
                size=moves.BYTES_OF[volume] if many else 0,
                frozen=self._frozen.get(self._switches.get(name, ""), ""),
            )

    def _complaints(self, end: Outcome) -> list[str]:
        faults = [one.fault for one in self._injector.planned]
        may_fail = any(fault.fails_move for fault in faults)
        may_fail |= self._may_restart() and self._run.move.when_stopped == "Cancel"
        return outcome.complaints(
            end,
            may_be_cancelled=any(fault.ends_move for fault in faults),
            may_fail=may_fail,
        )

    def _may_restart(self) -> bool:
        return any(one.fault.ends_guest for one in self._injector.planned)

    def _try_again(self, scene: Scene) -> list[str]:
        """The documented step after a move that failed: another one, now without faults."""
        moves.again(scene)
        self._follow(scene)
        end = self._outcomes["again"]
        return [] if end.end is End.COMPLETED else [f"the next try: {end.words()}"]
