"""One move of a busy guest's disk, watched from apply to its end."""

import dataclasses
import time

from bench import guests, steps
from bench.latency import longest_ms, mean_ms
from bench.steps import Step, Whose
from bench.watching import APPLIED, FAILED, SUCCEEDED, Watch
from guest.log import Boots
from harness import slow_copy
from harness.cluster import Target
from harness.kube import wait_for
from harness.machine import Machine
from harness.migration import Migration, manifest

HOST_ASSISTED = "HostAssisted"
WATCHES_SECONDS = 5
"""They have begun by then, and take no processor time any more."""
QUIET_SECONDS = 15
"""Without a move, right before it."""
LONGEST_SECONDS = 900


class NotMovedError(Exception):
    """The move did not succeed; its conditions say why."""


@dataclasses.dataclass(frozen=True)
class Move:
    """What was seen of one move.

    Attributes:
        method: how its disk was copied; ``reflink`` if the Job had the blocks shared.
        data: bytes that the disk's file took before.
        moments: when what was seen first, by our clock.
    """

    method: str
    data: int
    moments: dict[str, float]

    @property
    def copied_by_us(self) -> bool:
        """Whether bytes were copied."""
        return self.method == HOST_ASSISTED

    @property
    def steps(self) -> list[Step]:
        """What its time went to."""
        return steps.steps(self.moments, copies=self.copied_by_us)

    @property
    def copy_and_merge(self) -> float:
        """Seconds of these two stages, with the pods and all else that they wait for."""
        return self.moments["SourceReleased"] - self.moments["SourceFrozen"]

    @property
    def whole(self) -> float:
        """Seconds from apply to Succeeded."""
        return self.moments[SUCCEEDED] - self.moments[APPLIED]

    @property
    def copying(self) -> tuple[float, float]:
        """From when to when the copier ran, of a source that was frozen."""
        start = max(self.moments["copier pod runs"], self.moments["SourceFrozen"])
        return start, self.moments["copier pod ended"]

    @property
    def rate(self) -> float:
        """Bytes per second that the copier has copied; less than a second counts as one."""
        start, end = self.copying
        return self.data / max(end - start, 1)

    def not_bytes(self, *whose: Whose) -> float:
        """Seconds in which no bytes were copied or merged, of these or of all."""
        return steps.seconds(self.steps, *(whose or steps.NOT_BYTES))

    def slower_writes(self, boots: Boots) -> tuple[float, float]:
        """Mean and longest request while the copier ran, over those before the move."""
        start = self.moments[APPLIED]
        quiet = (start - QUIET_SECONDS, start - 1)
        mean = mean_ms(boots, *self.copying) / mean_ms(boots, *quiet)
        return mean, longest_ms(boots, *self.copying) / longest_ms(boots, *quiet)


def move(
    target: Target, machine: Machine, method: str, storage_class: str, limit: int | None = None
) -> Move:
    """Move the disk to a fresh claim of that class.

    Raises:
        NotMovedError: it did not succeed.
    """
    kube, namespace = target.kube, machine.namespace
    name = f"{machine.name}-{method.lower()}{'-limited' if limit else ''}"
    copy = {"method": method, **({"bandwidthLimit": str(limit)} if limit else {})}
    destination = {"claimTemplate": {"storageClassName": storage_class}}
    migration = Migration(kube, name, namespace)
    guests.chill(target, machine)
    data = slow_copy.data_bytes(machine)
    with Watch(kube, namespace, name) as watch:
        time.sleep(WATCHES_SECONDS + QUIET_SECONDS)
        kube.apply(manifest(name, namespace, machine.name, destination, copy=copy))
        wait_for(
            f"the end of {name}",
            lambda: SUCCEEDED in watch.moments or FAILED in watch.moments,
            seconds=LONGEST_SECONDS,
            every=0.2,
            seen=migration.story,
        )
        time.sleep(1)  # the watches of other kinds may be behind
    if SUCCEEDED not in watch.moments:
        raise NotMovedError(migration.condition("Succeeded").get("message", "it was not moved"))
    why = migration.object()["status"]["copyMethod"]["reason"]
    return Move("reflink" if "reflink" in why else method, data, dict(watch.moments))
