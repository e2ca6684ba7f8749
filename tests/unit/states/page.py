"""The page: between its markers stands what is drawn, around them what people wrote."""

import pathlib
import re

from unit.states import diagrams, operator, points, tables
from unit.states.conditions import Enumeration

PATH = pathlib.Path(__file__).parents[3] / "docs" / "states.md"
BLOCK = re.compile(r"(<!-- drawn: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def drawn(page: str) -> str:
    """The page with its tables and diagrams as the code is now.

    Raises:
        KeyError: a marker names nothing that can be drawn.
    """
    blocks = _Blocks()
    return BLOCK.sub(lambda found: _block(found, blocks), page)


def _block(found: re.Match[str], blocks: "_Blocks") -> str:
    start, name, before, end = found.groups()
    return "\n".join([start.strip(), "", *blocks.draw(name, before.strip()), "", end])


class _Blocks:
    """Everything that can be drawn; enumerated once."""

    def __init__(self) -> None:
        self._running, self._gone = points.running(), points.gone()
        self._answers = list(points.answered([*self._running, *self._gone]))
        self._arrows, self._phases = operator.phases()
        self._orders = operator.orders()

    def draw(self, name: str, before: str) -> list[str]:
        """The lines of one block, with the prose that stands in it now."""
        return {
            "the-guest-runs": lambda: tables.of_running(Enumeration(self._running), before),
            "the-guest-is-gone": lambda: tables.of_gone(Enumeration(self._gone), before),
            "answers": lambda: tables.of_answers(Enumeration(self._answers)),
            "steps": lambda: tables.of_steps(before),
            "journal-running": lambda: diagrams.drawing(diagrams.journal(self._running)),
            "journal-gone": lambda: diagrams.drawing(diagrams.journal(self._gone)),
            "orders": lambda: diagrams.drawing(diagrams.orders(self._orders)),
            "compute-side": lambda: tables.of_orders(self._orders),
            "phases": lambda: diagrams.drawing(diagrams.phases(self._arrows)),
            "storage-side": lambda: tables.of_phases(self._phases, before),
        }[name]()
