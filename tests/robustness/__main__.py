"""``make robustness``: systematic and random runs on the cluster that PROVIDER names.

SEED is the first random run's, RUNS how many there are, each with a seed one greater. STAGE picks
a part: ``points`` for the systematic runs, ``points-NAME`` for one of them, ``random``. REPLAY is
a file as this writes it, of runs to carry out once more.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from harness import cluster, install
from harness.cluster import Target
from robustness import arming, faults, plan, points, record, systematic
from robustness.injecting import Injector
from robustness.record import Record
from robustness.running import Running

POINTS, RANDOM = "points", "random"
LAUNCHERS = ("trixie", "sid", plan.OLD)


def list_points() -> int:
    """Print every fail point, and where those are reached that no run reaches."""
    for effect in [*points.operator(), *points.agent()]:
        elsewhere = points.ELSEWHERE.get(effect)
        for point in points.points([effect]):
            print(f"{point}  ({elsewhere})" if elsewhere else point)
    return 0


def parts(stage: str, *, storage_copies: bool) -> tuple[list[str], bool]:
    """The systematic runs that a STAGE asks for, and whether random ones are asked for too.

    Raises:
        LookupError: it names nothing.
    """
    names = [*systematic.RUNS, *(systematic.BY_STORAGE if storage_copies else ())]
    if not stage:
        return names, True
    if stage == RANDOM:
        return [], True
    if stage == POINTS:
        return names, False
    chosen = stage.removeprefix(f"{POINTS}-")
    if chosen == stage or chosen not in names:
        known = ", ".join([RANDOM, POINTS, *(f"{POINTS}-{name}" for name in names)])
        raise LookupError(f"STAGE is {stage!r}, but it may be {known}")
    return [chosen], False


def runs(target: Target, seed: int, number: int, stage: str, replay: str = "") -> Iterator[Record]:
    """Carry the runs out, one after the other; ``replay`` is a file of those to repeat."""
    can = faults.abilities(target)
    csi = target.provider.classes.csi is not None
    possible = plan.Possible(
        faults=faults.possible(can),
        launchers=[name for name in LAUNCHERS if name in target.launchers],
        storage_copies=csi,
        points=faults.POINTS in can,
    )
    armed = arming.Points(target) if possible.points else None
    if replay:
        for again in record.runs_of(Path(replay)):
            yield Running(target, again, Injector(again, armed)).record(str(again.seed))
        return
    names, random = parts(stage, storage_copies=csi)
    if armed is not None:
        yield from _systematic(target, armed, names, whole=stage in ("", POINTS))
    for each in range(seed, seed + number if random else seed):
        drawn = plan.draw(each, possible)
        yield Running(target, drawn, Injector(drawn, armed)).record(str(each))


def _systematic(
    target: Target, armed: arming.Points, names: list[str], *, whole: bool
) -> Iterator[Record]:
    every = systematic.Systematic(target, armed)
    for name in names:
        yield every.run(name)
    if whole:
        yield every.rest()


def main() -> int:
    """0 if every run was good."""
    if sys.argv[1:] == [POINTS]:
        return list_points()
    signal.signal(signal.SIGTERM, _end)
    seed, number = (int(os.environ.get(name) or value) for name, value in DEFAULTS.items())
    target = cluster.current()
    install.detour(target, "failPoints=true")
    records: list[Record] = []
    try:
        part, replay = (os.environ.get(name, "") for name in ("STAGE", "REPLAY"))
        for one in runs(target, seed, number, part, replay):
            records.append(one)
            print(one.row(), flush=True)
            # A later run that hangs takes nothing away of what was found before.
            record.write(records)
    finally:
        print(record.summary(records), f"written to {record.FILE}", sep="\n", flush=True)
        install.detour(target)
    return 0 if records and all(one.good for one in records) else 1


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave by way of everything that ends faults."""
    sys.exit(128 + signal.SIGTERM)


DEFAULTS = {"SEED": "1", "RUNS": "25"}

if __name__ == "__main__":
    sys.exit(main())
