"""The page's tables: what was enumerated, beside what people wrote of each row."""

import re
from collections import defaultdict
from collections.abc import Iterable

from detour_agent.domain.step import Action, Step
from detour_agent.steps.carry_out import EFFECTS, WRITES
from detour_crds.attachment_switch import Order
from detour_crds.volume_migration import Phase
from unit.states import words
from unit.states.conditions import Enumeration

FAMILIES = "UJXLCHDT"
MISSING = "?"
"""Stands where a person is to write something."""
SEE = "as it says at the right"

Enumerated = Enumeration[Step]


def of_running(steps: Enumerated, before: str) -> list[str]:
    """The rows of a guest that runs."""
    head = ("row", "QEMU writes to", "stage", "order", "and", "step", "truth", "why")
    told = prose(before, 2)
    return _table(head, (_running_row(steps, step) for step in _by_row(steps)), told)


def of_gone(steps: Enumerated, before: str) -> list[str]:
    """The rows of a guest that is gone."""
    head = ("row", "stage", "order", "and", "step", "truth", "why")
    told = prose(before, 2)
    return _table(head, (_gone_row(steps, step) for step in _by_row(steps)), told)


def of_answers(steps: Enumerated) -> list[str]:
    """What a person's answer to a stop becomes."""
    lines = [
        (
            words.reason(here),
            words.answer(here),
            words.order(here),
            words.rest(here),
            words.step(step),
        )
        for step in steps.steps
        if step.row == "T1"
        for here in steps.conditions(step) or []
    ]
    return _lines(("the stop", "the answer", "order", "and", "step"), sorted(lines))


def of_steps(before: str) -> list[str]:
    """What each step does, and the function that does it."""
    told = prose(before, 1)
    lines = []
    for action in Action:
        said = told.get(str(action), [MISSING])
        lines.append((str(action), _function(action), *said))
    return _lines(("step", "carried out by", "what it does"), lines)


def of_orders(found: dict[tuple[Order, str], tuple[list[str], list[str]]]) -> list[str]:
    """What the compute side does under each order, and how it calls it."""
    lines = [
        (str(order) or "none", f"`{reason}`", ", ".join(does), ", ".join(records))
        for wanted in Order
        for (order, reason), (does, records) in found.items()
        if order is wanted
    ]
    return _lines(("order", "reason", "actions", "records"), lines)


def of_phases(actions: dict[str, list[str]], before: str) -> list[str]:
    """What the storage side does in each phase."""
    told = prose(before, 1)
    lines = [
        (phase, ", ".join(actions[phase]), *told.get(phase, [MISSING]))
        for phase in Phase
        if phase in actions
    ]
    return _lines(("phase", "actions", "meaning"), lines)


def prose(before: str, columns: int) -> dict[str, list[str]]:
    """What people wrote: the last columns of each row's first line."""
    found: dict[str, list[str]] = {}
    for line in before.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip().strip("|").split(" |")]
        found.setdefault(cells[0].strip(), cells[-columns:])
    return found


def _function(action: Action) -> str:
    does = EFFECTS.get(action) or WRITES.get(action)
    if does is None:
        return ""
    return f"`{does.__module__.removeprefix('detour_agent.')}.{does.__name__}`"


def _by_row(steps: Enumerated) -> list[Step]:
    """In the page's order: by row, and the steps of one row as they come."""
    return sorted(steps.steps, key=lambda step: _place(step.row))


def _place(row: str) -> tuple[int, int]:
    return FAMILIES.index(row[0]), int(re.sub(r"\D", "", row))


def _running_row(steps: Enumerated, step: Step) -> tuple[str, list[tuple[str, ...]]]:
    return step.row, [
        (words.top(here), words.stage(here), words.order(here), words.rest(here), words.step(step))
        for here in steps.conditions(step) or []
    ] or [(SEE, "", "", "", words.step(step))]


def _gone_row(steps: Enumerated, step: Step) -> tuple[str, list[tuple[str, ...]]]:
    return step.row, [
        (words.stage(here), words.order(here), words.rest(here), words.step(step))
        for here in steps.conditions(step) or []
    ] or [(SEE, "", "", words.step(step))]


def _table(
    head: tuple[str, ...],
    rows: Iterable[tuple[str, list[tuple[str, ...]]]],
    told: dict[str, list[str]],
) -> list[str]:
    """The prose stands in the first line of its row."""
    grouped: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for row, lines in rows:
        grouped[row] += lines
    cells = []
    for row, lines in grouped.items():
        said = told.get(row, [MISSING, MISSING])
        cells.append((row, *lines[0], *said))
        cells += [(row, *line, *[""] * len(said)) for line in lines[1:]]
    return _lines(head, cells)


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    ruler = "|" + "---|" * len(head)
    return [_line(head), ruler, *(_line(row) for row in rows)]


def _line(cells: tuple[str, ...]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"
