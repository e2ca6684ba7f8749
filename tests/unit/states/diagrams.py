"""The diagrams: the journal's stages with the rows that lead on, the orders, the phases."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from detour_agent.domain.step import Action
from detour_crds.attachment_switch import Order, Stage
from detour_crds.volume_migration import Phase
from unit.states.points import Situation

JOURNALS = {
    Action.BEGIN: Stage.START,
    Action.DISCARD: Stage.CANCELLED,
    Action.RESTART: Stage.START,
}
"""Steps that write the journal beside what else they do."""
ENDS = (Stage.DONE, Stage.CANCELLED)

ENDED = (Phase.SUCCEEDED, Phase.CANCELLED, Phase.FAILED)


def arrows(situations: Iterable[Situation]) -> dict[tuple[Stage, Stage], list[str]]:
    """From stage to stage, with the rows; a rebuilt journal (J1) and an answer (T1) aside."""
    found: dict[tuple[Stage, Stage], list[str]] = defaultdict(list)
    for facts, step in situations:
        after = step.stage if step.action is Action.JOURNAL else JOURNALS.get(step.action)
        before = facts["stage"]
        if after is not None and step.row not in found[before, after]:
            found[before, after].append(step.row)
    return {arrow: rows for arrow, rows in found.items() if rows}


def journal(situations: Iterable[Situation]) -> list[str]:
    """The diagram of the journal."""
    found = arrows(situations)
    here = {stage for arrow in found for stage in arrow}
    return [
        *_named(stage for stage in Stage if stage in here),
        *(_arrow("[*]", stage) for stage in Stage if stage is Stage.NONE and stage in here),
        *(_arrow(*arrow, ", ".join(found[arrow])) for arrow in sorted(found, key=_as_declared)),
        *(_arrow(stage, "[*]") for stage in ENDS if stage in here),
    ]


def drawing(lines: Iterable[str]) -> list[str]:
    """A Mermaid diagram of states."""
    return ["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```"]


def orders(found: Mapping[tuple[Order, str], tuple[list[str], list[str]]]) -> list[str]:
    """Which order follows which, and for what reason."""
    given: dict[tuple[Order, Order], list[str]] = defaultdict(list)
    for (before, reason), (_, records) in found.items():
        for after in Order:
            if after and f"order {after}" in records:
                given[before, after].append(reason)
    return [
        _arrow(before or "[*]", after, ", ".join(given[before, after]))
        for before in Order
        for after in Order
        if (before, after) in given
    ]


def phases(arrows: Collection[tuple[str, str]]) -> list[str]:
    """Which phase follows which."""
    known = ["[*]", *Phase]
    found = [_arrow(*arrow) for before in known for arrow in _from(before, known, arrows)]
    return [*found, *(_arrow(end, "[*]") for end in ENDED)]


def _from(
    before: str, known: Iterable[str], arrows: Collection[tuple[str, str]]
) -> Iterable[tuple[str, str]]:
    return [(before, after) for after in known if (before, after) in arrows]


def _named(stages: Iterable[Stage]) -> list[str]:
    return [f'state "{stage}" as {_id(stage)}' for stage in stages if _id(stage) != stage]


def _arrow(before: str, after: str, label: str = "") -> str:
    return f"{_id(before)} --> {_id(after)}" + (f": {label}" if label else "")


def _id(name: str) -> str:
    return str(name).replace("-", "_")


def _as_declared(arrow: tuple[Stage, Stage]) -> tuple[int, int]:
    order = list(Stage)
    return order.index(arrow[0]), order.index(arrow[1])
