"""What one run does, drawn from its seed and from what the cluster can do; pure.

The same seed on a cluster that can do the same gives the same run: nothing else is random.
"""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from robustness import points


class Kind(StrEnum):
    """How the migration is to go, but for the faults."""

    LIVE = "live"
    CANCEL = "cancel"
    OFFLINE = "offline"
    STOPPED = "stopped"
    """The guest ends midway."""


class Stage(StrEnum):
    """How far a migration is, in this order."""

    APPLIED = "applied"
    LOCKED = "locked"
    FROZEN = "frozen"
    COPYING = "copying"
    COPIED = "copied"
    MERGING = "merging"
    RELEASED = "released"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One migration.

    Attributes:
        method: ``spec.copy.method``.
        overlay: ``spec.overlay.where``, empty where there is none.
        launcher: generation of the launcher, empty for KubeVirt's own choice.
        disks: how many of the machine's disks are moved at once.
        when_stopped: ``spec.whenStopped``.
        own_file_systems: whether the claims are of a driver whose volumes have one each.
    """

    kind: Kind
    method: str = "HostAssisted"
    overlay: str = "NodeLocal"
    launcher: str = ""
    disks: int = 1
    when_stopped: str = "Auto"
    own_file_systems: bool = False

    def words(self) -> str:
        """All that is not as it mostly is, in short."""
        more = (
            self.overlay if self.overlay not in ("", "NodeLocal") else "",
            self.launcher,
            f"{self.disks} disks" if self.disks > 1 else "",
            self.when_stopped if self.kind is Kind.STOPPED else "",
            "CSI" if self.own_file_systems else "",
        )
        return ", ".join((f"{self.kind} by {self.method}", *filter(None, more)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault and its moment: some time after a stage was reached, or a fail point."""

    fault: str
    stage: Stage = Stage.APPLIED
    milliseconds: int = 0
    point: str = ""

    @property
    def moment(self) -> str:
        """In words."""
        return f"at {self.point}" if self.point else f"{self.stage} + {self.milliseconds} ms"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A migration with its faults."""

    seed: int
    move: Move
    injections: tuple[Injection, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What can be drawn on a cluster.

    Attributes:
        faults: needs of each fault that the cluster can do; see ``faults.POSSIBLE``.
        launchers: those a machine can choose, newest first; empty if it cannot.
        storage_copies: whether there are classes whose driver makes snapshots and clones.
        points: whether fail points can be armed.
    """

    faults: Mapping[str, frozenset[Kind]]
    launchers: Sequence[str] = ()
    storage_copies: bool = False
    points: bool = False


def read(told: Mapping[str, Any]) -> Run:
    """A run from the JSON of ``dataclasses.asdict``."""
    move, injections = told["move"], told["injections"]
    return Run(
        seed=told["seed"],
        move=Move(**{**move, "kind": Kind(move["kind"])}),
        injections=tuple(Injection(**{**one, "stage": Stage(one["stage"])}) for one in injections),
    )


DIE = "die at a fail point"
"""Needs a point, and no other moment."""
SYSTEMATIC = 0
"""The seed of runs that are not drawn."""
CANCEL, CRASH = "user: cancel", "kill qemu"
"""What the kinds CANCEL and STOPPED are made of."""
AMID = "kill libvirt amid "
"""Waits for its moment by itself, within the launcher."""
FULL = {"destination full": "", "overlay full": "Claim", "source full": "SourceVolume"}
"""With the place of the overlay that each is for.

Only amid the copy: a guest that is on the destination already would be paused for good.
"""
AT_POINT = 0.25
"""How often a fault hits while a fail point holds the process up."""
TWO_FAULTS = 0.4
TWO_DISKS = 0.2
OWN_FILE_SYSTEMS = 0.3
LONGEST_MILLISECONDS = 2500
BY_STORAGE = ["VolumeSnapshot", "CSIClone"]
OLD = "bookworm"
"""A launcher whose libvirt cannot take an overlay."""
WEIGHTS = {Kind.LIVE: 4, Kind.CANCEL: 3, Kind.OFFLINE: 1, Kind.STOPPED: 2}


def draw(seed: int, possible: Possible) -> Run:
    """The run of that seed."""
    source = random.Random(seed)
    move = _move(source, possible)
    own = {Kind.CANCEL: [CANCEL], Kind.STOPPED: [CRASH]}.get(move.kind, [])
    names = sorted(
        name
        for name, kinds in possible.faults.items()
        if move.kind in kinds and name not in own and _fits(name, move)
    )
    number = 1 + (source.random() < TWO_FAULTS)
    chosen = [*own, *source.sample(names, min(number, len(names)))]
    return Run(
        seed=seed,
        move=move,
        injections=tuple(_injection(source, name, move, possible) for name in chosen),
    )


def stages(move: Move) -> list[Stage]:
    """Those that such a migration reaches if nothing happens to it."""
    if move.kind is Kind.OFFLINE:
        return [Stage.APPLIED, Stage.LOCKED, Stage.COPYING, Stage.COPIED]
    if move.method == "Hypervisor":
        return [stage for stage in Stage if stage is not Stage.FROZEN]
    return list(Stage)


def _fits(fault: str, move: Move) -> bool:
    """Whether such a move has what the fault is for."""
    if fault.startswith(AMID):
        return bool(move.overlay)
    if fault in FULL:
        there = FULL[fault] in ("", move.overlay)
        return there and move.own_file_systems and move.method == "HostAssisted"
    return move.method == "HostAssisted" or not fault.endswith("copier")


def _move(source: random.Random, possible: Possible) -> Move:
    kind = source.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    launcher = source.choice(possible.launchers) if possible.launchers else ""
    method = _method(source, possible, hypervisor=kind is Kind.LIVE or kind is Kind.CANCEL)
    if launcher == OLD and kind is not Kind.OFFLINE:
        # A guest that stops amid QEMU's own copy is on its source: nothing to be finished.
        kind = Kind.LIVE if kind is Kind.STOPPED else kind
        method = "Hypervisor"
    own = possible.storage_copies and (method in BY_STORAGE or source.random() < OWN_FILE_SYSTEMS)
    move = Move(kind=kind, method=method, overlay="", own_file_systems=own)
    if kind is Kind.OFFLINE:
        return move
    if method == "Hypervisor":
        return dataclasses.replace(move, launcher=launcher)
    return dataclasses.replace(
        move,
        overlay=source.choice(("NodeLocal", "NodeLocal", "Claim", "SourceVolume")),
        launcher=launcher,
        disks=2 if kind is Kind.LIVE and not own and source.random() < TWO_DISKS else 1,
        when_stopped=source.choice(("Auto", "Finish", "Cancel")),
    )


def _method(source: random.Random, possible: Possible, *, hypervisor: bool) -> str:
    methods = ["HostAssisted", "HostAssisted"]
    methods += BY_STORAGE if possible.storage_copies else []
    methods += ["Hypervisor"] if hypervisor else []
    return source.choice(methods)


def _injection(source: random.Random, fault: str, move: Move, possible: Possible) -> Injection:
    at_point = source.random() < AT_POINT
    if fault.startswith(AMID):
        return Injection(fault=fault)
    if fault in FULL:
        milliseconds = source.randrange(LONGEST_MILLISECONDS)
        return Injection(fault=fault, stage=Stage.COPYING, milliseconds=milliseconds)
    if fault == DIE or (at_point and possible.points):
        return Injection(fault=fault, point=source.choice(points.reachable(move)))
    before = stages(move)
    if fault == CRASH and move.kind is Kind.STOPPED:
        before = [stage for stage in before if stage is not Stage.APPLIED]
    return Injection(
        fault=fault,
        stage=source.choice(before),
        milliseconds=source.randrange(LONGEST_MILLISECONDS),
    )
