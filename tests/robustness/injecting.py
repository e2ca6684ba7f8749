"""Has the faults of a run happen at their moments, and ends them."""

import dataclasses
import subprocess
import time
from collections.abc import Iterable

from cluster.process import CommandError
from cluster.provider import UnsupportedError
from harness.kube import KubectlError
from robustness import stages
from robustness.arming import Points
from robustness.faults import FAULTS
from robustness.faults.fault import Fault
from robustness.plan import DIE, Injection, Run, Stage
from robustness.scene import NodeOffError, NothingThereError, Scene

HELD_SECONDS = 20
"""How long a fail point holds a process up for another fault to hit it there."""
LOOK_SECONDS = 0.5
NOT_REACHED, DONE = "its moment did not come", "done"
PASSING = (
    KubectlError,
    CommandError,
    NodeOffError,
    UnsupportedError,
    TimeoutError,
    subprocess.TimeoutExpired,
)
"""What a look or a fault may meet because of another fault."""


@dataclasses.dataclass
class Planned:
    """One fault of the run, and what became of it."""

    injection: Injection
    fault: Fault
    due: float | None = None
    told: str = NOT_REACHED
    undo_at: float | None = None

    @property
    def happened(self) -> bool:
        """Whether it did something."""
        return self.told == DONE


class Injector:
    """The faults of one run."""

    def __init__(self, run: Run, points: Points | None) -> None:
        self.planned = [Planned(item, FAULTS[item.fault].make()) for item in run.injections]
        self._points = points
        self._seen: set[Stage] = set()
        self._is_over = False
        self._look_at = 0.0

    def arm(self) -> None:
        """Arm the fail points of the run, before it begins."""
        if self._points is None:
            return
        self._points.disarm()
        for one in self._at_points():
            told = "kill" if one.injection.fault == DIE else str(HELD_SECONDS)
            self._points.arm([one.injection.point], told)

    def tick(self, scene: Scene) -> None:
        """Do what is due now; nothing once the faults were ended."""
        if self._is_over:
            return
        now = time.monotonic()
        try:
            self._seen |= stages.reached(scene.migration.object())
            hit = self._hit(now)
        except PASSING:
            hit = set()
        for one in self.planned:
            if one.told == NOT_REACHED:
                self._begin(one, scene, hit, now)
            elif one.undo_at is not None and now >= one.undo_at:
                self._undo(one, scene)

    def end(self, scene: Scene) -> list[str]:
        """End every fault for good; what could not be ended."""
        self._is_over = True
        failed = [problem for one in self.planned if (problem := self._undo(one, scene))]
        if self._points is not None:
            self._points.disarm()
        return failed

    def _begin(self, one: Planned, scene: Scene, hit: set[str], now: float) -> None:
        if one.injection.point:
            one.due = now if one.injection.point in hit else None
        elif one.due is None and one.injection.stage in self._seen:
            one.due = now + one.injection.milliseconds / 1000
        if one.due is None or now < one.due:
            return
        try:
            one.fault.inject(scene)
        except NothingThereError as error:
            one.told = str(error)
        except PASSING as error:
            # Half of it may have happened: it is ended like any other.
            one.told = f"not done: {str(error)[-200:]}"
        else:
            one.told = DONE
        one.undo_at = now + one.fault.seconds if one.fault.seconds else None

    def _hit(self, now: float) -> set[str]:
        """The points that hold somebody up now, looked for on the nodes every once in a while."""
        waits = any(one.told == NOT_REACHED for one in self._at_points())
        if self._points is None or not waits or now < self._look_at:
            return set()
        self._look_at = now + LOOK_SECONDS
        return self._points.hit()

    def _undo(self, one: Planned, scene: Scene) -> str:
        one.undo_at = None
        try:
            one.fault.undo(scene)
        except PASSING as error:
            one.undo_at = time.monotonic() + 1
            return f"{one.injection.fault} was not ended: {error}"
        return ""

    def _at_points(self) -> Iterable[Planned]:
        return [one for one in self.planned if one.injection.point]
