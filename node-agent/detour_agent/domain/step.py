"""What a row of the table is, and the closed set of steps that a row can give."""

import dataclasses
from collections.abc import Callable
from enum import StrEnum

from detour_agent.domain.situation import Seen, Wanted
from detour_crds.attachment_switch import Stage


class Action(StrEnum):
    """The closed set of steps; all but WAIT, REST, INSPECT, REPORT and STOP change something."""

    WAIT = "wait"
    REST = "rest"
    INSPECT = "inspect"
    REPORT = "report"
    STOP = "stop"
    JOURNAL = "journal"
    REBUILD = "rebuild"
    BEGIN = "begin"
    START = "start"
    DISCARD = "discard"
    OVER_MOUNT = "over-mount"
    COPY = "copy"
    PIVOT = "pivot"
    RELEASE = "release"
    ABORT = "abort"
    UNMOUNT = "unmount"
    COMMIT = "commit"
    COMMIT_PIVOT = "commit-pivot"
    HEAL = "heal"
    HEAL_COMPLETE = "heal-complete"
    RESTART = "restart"
    COMPARE = "compare"
    MERGE = "merge"
    REMOVE_OVERLAY = "remove-overlay"
    BEGIN_MIRROR = "begin-mirror"
    MAKE = "make"
    SHOW = "show"
    MIRROR = "mirror"
    SWAP = "swap"
    DROP = "drop"
    TIDY = "tidy"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """The row that matched and what follows from it."""

    row: str
    action: Action
    stage: Stage | None = None
    """The stage to journal, for JOURNAL and REBUILD."""
    reason: str = ""
    """Why it stops, for STOP."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One row: when it matches and the step it gives."""

    row: str
    matches: Callable[[Wanted, Seen], bool]
    step: Callable[[Wanted, Seen], Step]


Condition = Callable[[Wanted, Seen], bool]
Choice = Callable[[Wanted, Seen], Step]


def does(row: str, action: Action) -> Choice:
    """The row always takes this action."""
    return lambda _wanted, _seen: Step(row, action)


def journals(row: str, stage: Stage) -> Choice:
    """The row journals a stage."""
    return lambda _wanted, _seen: Step(row, Action.JOURNAL, stage=stage)


def stops(row: str, reason: str) -> Choice:
    """The row stops with a reason."""
    return lambda _wanted, _seen: Step(row, Action.STOP, reason=reason)


def either(row: str, holds: Condition, then: Action, otherwise: Action) -> Choice:
    """The row takes one of two actions."""
    return lambda wanted, seen: Step(row, then if holds(wanted, seen) else otherwise)


def overlay_is_there(_wanted: Wanted, seen: Seen) -> bool:
    """The overlay's file still has to be removed."""
    return seen.overlay_present
