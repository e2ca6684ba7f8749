"""The one next step of a switch: what to do, what to record, and what to tell."""

import dataclasses
from typing import Any

from detour_crds.attachment_switch import Compute, ObjectRef, Position
from detour_crds.names import STATUS_REFUSED
from detour_operator.compute_side.actions import Action
from detour_operator.compute_side.observation import (
    Claim,
    Instance,
    Machine,
    Nothing,
    Observation,
    Pod,
)

LOOK_AGAIN_SECONDS = 5.0
"""Virtual machines and instances are not watched: a switch in flight looks this often."""
REFUSED_SECONDS = 30.0
ACTED_SECONDS = 0.2
"""Follows an own write only, never a mere look: the next pass sees the write and moves on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one pass comes to.

    Attributes:
        reason: one CamelCase word; message: a sentence for people.
        actions: effects on other objects. What depends on them waits for a pass that sees them.
        compute: ``status.compute`` as it is to be, None to leave it; written with the resource
            version of what was observed.
        position: ``status.position`` as it is to be, None to leave it.
        refused: the start is refused and nothing is changed.
        stalled: only a person can say how to go on; ``stop`` names it where ``spec.trust`` may.
        after: seconds until the next look; None for on events only.
    """

    reason: str
    message: str
    actions: tuple[Action, ...] = ()
    compute: Compute | None = None
    position: Position | None = None
    refused: bool = False
    stalled: bool = False
    stop: str | None = None
    after: float | None = LOOK_AGAIN_SECONDS


def wait(
    reason: str,
    message: str,
    *,
    position: Position | None = None,
    after: float = LOOK_AGAIN_SECONDS,
) -> Step:
    """Do nothing and look again."""
    return Step(reason=reason, message=message, position=position, after=after)


def stall(reason: str, message: str, stop: str | None = None) -> Step:
    """Keep everything as it is until a person has decided; ``stop`` is what the answer names."""
    if stop:
        message += f" (to answer: spec.trust, with spec.answeredStop {stop})"
    return Step(reason=reason, message=message, stalled=True, stop=stop)


def wait_for_agent(seen: Observation, reason: str, message: str) -> Step:
    """Wait for the node agent, and say why its last try failed.

    Where the API server refuses its status nothing that it does becomes known: a person has to see
    to that, and then this goes on by itself.
    """
    error = seen.switch.node.last_error if seen.switch.node else None
    if error is None:
        return wait(reason, message)
    told = f"{message}; the last try failed: {error.message}"
    return stall(STATUS_REFUSED, told) if error.reason == STATUS_REFUSED else wait(reason, told)


def act(reason: str, message: str, *actions: Action) -> Step:
    """Act, and look at what came of it in the next pass."""
    return Step(reason=reason, message=message, actions=actions, after=ACTED_SECONDS)


def record(
    seen: Observation,
    reason: str,
    message: str,
    *,
    position: Position | None = None,
    **changes: Any,
) -> Step:
    """Change fields of ``status.compute``, and look again; an order gets its time."""
    if "order" in changes:
        changes = {"order_time": seen.now or None, "merged": None, **changes}
    compute = dataclasses.replace(seen.switch.compute, **changes)
    return Step(
        reason=reason, message=message, compute=compute, position=position, after=ACTED_SECONDS
    )


def ref(found: Machine | Instance | Pod | Claim | Nothing) -> ObjectRef | None:
    """An object as it was found, None if it was not."""
    return None if isinstance(found, Nothing) else ObjectRef(name=found.name, uid=found.uid)
