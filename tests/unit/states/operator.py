"""What the operator's two sides do, from the worlds around them that the unit tests explore."""

import dataclasses
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from detour_crds.attachment_switch import AttachmentSwitchStatus, Compute, Order
from detour_operator.compute_side.decisions import decide as decide_compute
from detour_operator.storage_side.decisions import decide as decide_storage
from unit.operator import compute_world, storage_world

W = TypeVar("W")
COMPUTE = (
    compute_world.World(strategy="Migration"),
    compute_world.World(permitted=False),
    compute_world.World(may_end=True),
)
STORAGE = (
    storage_world.World(),
    storage_world.World(spec=dataclasses.replace(storage_world.SPEC, hold=True)),
)
RECORDED = ("order", "locked", "lock_proven", "handover")


def explored(starts: Iterable[W], following: Callable[[W], Iterable[W]]) -> Iterator[W]:
    """Every world that can be reached, the nearest first."""
    todo = deque(starts)
    known = set(todo)
    while todo:
        here = todo.popleft()
        yield here
        for after in following(here):
            if after not in known:
                known.add(after)
                todo.append(after)


def after_storage(here: storage_world.World) -> list[storage_world.World]:
    """What can come next around the storage side, an accident or a crash included."""
    passes = [] if here.gone else here.passes()
    return [*passes, *_in_order(here.fair()), *_in_order(here.accidents())]


def after_compute(here: compute_world.World) -> list[compute_world.World]:
    """What can come next around the compute side, with one accident at most."""
    done = [world for _, world in compute_world.operator(here)]
    others = [here.agent(), here.others(), here.caller(), here.accidents_from_here(1)]
    return [*done, *(world for some in others for world in _in_order(some))]


def _in_order(worlds: Iterable[W]) -> list[W]:
    return sorted(worlds, key=str)


def phases() -> tuple[dict[tuple[str, str], list[str]], dict[str, list[str]]]:
    """Which phase follows which, and what is done in each."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    actions: dict[str, list[str]] = defaultdict(list)
    for here in explored(STORAGE, after_storage):
        if here.gone:
            continue
        decision = decide_storage(here.observe())
        before, after = here.status.phase or "[*]", decision.phase or here.status.phase or "[*]"
        if before != after:
            arrows[str(before), str(after)] = []
        for action in decision.actions:
            _note(actions[str(after)], type(action).__name__)
        _ = actions[str(after)]
    return dict(arrows), dict(actions)


def orders() -> dict[tuple[Order, str], tuple[list[str], list[str]]]:
    """By order and reason: the actions, and what is recorded."""
    found: dict[tuple[Order, str], tuple[list[str], list[str]]] = {}
    for here in explored(COMPUTE, after_compute):
        if here.gone:
            continue
        decision = decide_compute(here.observe())
        key = here.order, decision.reason
        does, records = found.setdefault(key, ([], []))
        for action in decision.actions:
            _note(does, type(action).__name__)
        for fact in _recorded(here, decision.status):
            _note(records, fact)
    return found


def _recorded(here: compute_world.World, status: AttachmentSwitchStatus) -> Iterator[str]:
    compute = status.compute or Compute()
    if status.position is not here.position:
        yield f"position {status.position}"
    for name in RECORDED:
        value = getattr(compute, name)
        if (value or None) != (getattr(here.compute, name) or None):
            yield _said(name, value)


def _said(name: str, value: object) -> str:
    said = name.replace("_", " ")
    if value is True:
        return said
    return f"{said} {value}" if value else f"not {said}"


def _note(among: list[str], what: str) -> None:
    if what not in among:
        among.append(what)
