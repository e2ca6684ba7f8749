"""The stages of a move, and how far each is.

Times: freeze until ``startTime``, copy until ``copiedTime`` (a verification with it), merge (with
a hold before it, and the switch) until ``releasedTime``, the handover until ``completionTime``.
"""

import dataclasses
from collections.abc import Callable, Sequence
from enum import StrEnum

from detour_crds.volume_migration import CopyMethod, Phase, Verify
from detour_kubectl.domain import texts
from detour_kubectl.domain.migrations import (
    WITHOUT_A_MOVE,
    Migration,
    Outcome,
    outcome,
    reason,
)


class Name(StrEnum):
    """A stage, by what happens in it."""

    FREEZE = "freeze"
    LOCK = "lock"
    COPY = "copy"
    VERIFY = "verify"
    HOLD = "hold"
    MERGE = "merge"
    SWITCH = "switch"
    HAND_OVER = "hand over"
    GO_BACK = "go back"


class State(StrEnum):
    """Whether it is over; BROKEN: the move ended, or went back, in it."""

    DONE = "done"
    ACTIVE = "active"
    AHEAD = "ahead"
    BROKEN = "broken"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage; bytes, bytes per second and seconds, None where they are not known."""

    name: Name
    state: State
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    eta: float | None = None
    seconds: float | None = None

    @property
    def percent(self) -> int | None:
        """How far, None where that is not known."""
        if self.state is State.DONE:
            return 100
        return None if self.done is None or not self.total else texts.share(self.done, self.total)


ACTIVE_IN = {
    Phase.PENDING: Name.FREEZE,
    Phase.REFUSED: Name.FREEZE,
    Phase.PREPARING: Name.FREEZE,
    Phase.FREEZING: Name.FREEZE,
    Phase.COPYING: Name.COPY,
    Phase.HOLDING: Name.HOLD,
    Phase.MERGING: Name.MERGE,
    Phase.SWITCHING: Name.MERGE,
    Phase.CLEANING_UP: Name.HAND_OVER,
    Phase.CANCELLING: Name.GO_BACK,
}
UNDONE = frozenset({Phase.CANCELLING, Phase.CANCELLED, Phase.FAILED})
BY_QEMU = {Name.FREEZE: Name.LOCK, Name.MERGE: Name.SWITCH}
"""Where QEMU copies nothing is frozen, and nothing merged."""


def stages(migration: Migration, merge_rate: float | None = None) -> tuple[Stage, ...]:
    """All stages in order; none where nothing is moved.

    Args:
        migration: what was read.
        merge_rate: bytes per second of the merge, which no status has, by whoever looked twice.
    """
    if migration.spec.dry_run or reason(migration) in WITHOUT_A_MOVE:
        return ()
    names = _names(migration)
    here, broken = _position(migration, names), None
    if migration.status.phase in UNDONE:
        broken = names.index(_as_named(migration, _reached(migration)))
    states = (_state(migration, index, here, broken) for index in range(len(names)))
    return tuple(
        _measured(_stage(migration, name, state), migration, merge_rate)
        for name, state in zip(names, states, strict=True)
    )


def active(of: Sequence[Stage]) -> Stage | None:
    """The stage that is under way."""
    return next((stage for stage in of if stage.state is State.ACTIVE), None)


def _names(migration: Migration) -> list[Name]:
    spec, phase = migration.spec, migration.status.phase
    wanted = [Name.FREEZE, Name.COPY]
    if spec.copy.verify is not Verify.NONE:
        wanted.append(Name.VERIFY)
    if spec.hold or phase is Phase.HOLDING:
        wanted.append(Name.HOLD)
    wanted += [Name.MERGE, Name.HAND_OVER]
    if phase is Phase.CANCELLING:
        wanted.append(Name.GO_BACK)
    return [_as_named(migration, name) for name in wanted]


def _as_named(migration: Migration, name: Name) -> Name:
    by_qemu = migration.spec.copy.method is CopyMethod.HYPERVISOR
    return BY_QEMU.get(name, name) if by_qemu else name


def _position(migration: Migration, names: Sequence[Name]) -> int:
    """The index of the stage the migration is in; behind the last one after a success."""
    if outcome(migration) is Outcome.SUCCEEDED:
        return len(names)
    phase, told = migration.status.phase or Phase.PENDING, migration.status.progress
    name = ACTIVE_IN.get(phase) or _reached(migration)
    verifying = told is not None and told.bytes_verified is not None
    if name is Name.COPY and verifying and Name.VERIFY in names:
        name = Name.VERIFY
    return names.index(_as_named(migration, name))


def _reached(migration: Migration) -> Name:
    """The stage an undone move had come to, by the times that stay."""
    status = migration.status
    if status.released_time:
        return Name.HAND_OVER
    if status.copied_time:
        return Name.MERGE
    return Name.COPY if status.start_time else Name.FREEZE


def _state(migration: Migration, index: int, here: int, broken: int | None) -> State:
    if index == broken:
        return State.BROKEN
    if index == here:
        return State.ACTIVE
    return State.DONE if index < (here if broken is None else broken) else State.AHEAD


def _stage(migration: Migration, name: Name, state: State) -> Stage:
    status = migration.status
    ends = {
        Name.FREEZE: (migration.created, status.start_time),
        Name.LOCK: (migration.created, status.start_time),
        Name.COPY: (status.start_time, status.copied_time),
        Name.MERGE: (status.copied_time, status.released_time),
        Name.SWITCH: (status.copied_time, status.released_time),
        Name.HAND_OVER: (status.released_time, status.completion_time),
    }
    over = state is State.DONE and name in ends
    return Stage(name=name, state=state, seconds=texts.between(*ends[name]) if over else None)


def _measured(stage: Stage, migration: Migration, merge_rate: float | None) -> Stage:
    measure = MEASURES.get(stage.name)
    if stage.state is not State.ACTIVE or measure is None:
        return stage
    return measure(stage, migration, merge_rate)


def _copy(stage: Stage, migration: Migration, _: float | None) -> Stage:
    told = migration.status.progress
    if told is None:
        return stage
    return dataclasses.replace(
        stage,
        done=told.bytes_done,
        total=told.bytes_total,
        rate=told.bytes_per_second,
        eta=told.eta_seconds,
    )


def _verify(stage: Stage, migration: Migration, _: float | None) -> Stage:
    told = migration.status.progress
    if told is None:
        return stage
    return dataclasses.replace(
        stage,
        done=told.bytes_verified,
        total=told.bytes_total,
        rate=told.bytes_per_second,
        eta=told.eta_seconds,
    )


def _merge(stage: Stage, migration: Migration, merge_rate: float | None) -> Stage:
    node = migration.switch.node if migration.switch is not None else None
    told = node.merge if node is not None else None
    if told is None or told.bytes_done is None or not told.bytes_total:
        return stage
    left = max(0, told.bytes_total - told.bytes_done)
    return dataclasses.replace(
        stage,
        done=told.bytes_done,
        total=told.bytes_total,
        rate=merge_rate,
        eta=left / merge_rate if merge_rate else None,
    )


MEASURES: dict[Name, Callable[[Stage, Migration, float | None], Stage]] = {
    Name.COPY: _copy,
    Name.VERIFY: _verify,
    Name.MERGE: _merge,
}
