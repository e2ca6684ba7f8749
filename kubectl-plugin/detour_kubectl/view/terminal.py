"""Where text goes: standard output for what was asked for, standard error for what went wrong."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
import yaml
from rich.console import Console
from rich.text import Text

GAP: Final = 3


class Terminal:
    """Standard output and error of one command; colours on a terminal, unless by NO_COLOR."""

    def __init__(self, out: Console | None = None, err: Console | None = None) -> None:
        self.out = out or Console(highlight=False, markup=False, emoji=False)
        self.err = err or Console(highlight=False, markup=False, emoji=False, stderr=True)

    @property
    def is_live(self) -> bool:
        """Whether what was printed can be drawn over."""
        return self.out.is_terminal and not self.out.is_dumb_terminal

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody who can be asked."""
        return sys.stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Ask, and go on with a yes alone; on standard error, for it is no part of the answer."""
        return click.confirm(question, err=True)

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line; never cut, so that it can be searched and copied."""
        self.out.print(Text(text, style=style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Tell what is no part of the answer."""
        self.err.print(Text(text, style="dim"), soft_wrap=True)

    def problem(self, message: str, hint: str) -> None:
        """Say what went wrong, and what to do."""
        told = Text.assemble(("Error: ", "bold red"), message)
        self.err.print(told, soft_wrap=True)
        if hint:
            self.err.print(Text.assemble(("What to do: ", "bold"), hint), soft_wrap=True)

    def rows(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        style: Callable[[int, str], str] = lambda _column, _cell: "",
    ) -> None:
        """Print columns as kubectl does."""
        widths = [
            max(len(row[column]) for row in (header, *rows)) for column in range(len(header))
        ]
        self.out.print(_row(header, widths, lambda _column, _cell: "bold"), soft_wrap=True)
        for row in rows:
            self.out.print(_row(row, widths, style), soft_wrap=True)

    def data(self, value: Any, form: str, *, compact: bool = False) -> None:
        """Print JSON or YAML, for programs: never styled."""
        if form == "yaml":
            told = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()
            self.out.print(Text(f"---\n{told}" if compact else told), soft_wrap=True)
        else:
            told = json.dumps(value, indent=None if compact else 2)
            self.out.print(Text(told), soft_wrap=True)


def _row(cells: Sequence[str], widths: Sequence[int], style: Callable[[int, str], str]) -> Text:
    line = Text()
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        last = column == len(widths) - 1
        line.append(cell if last else cell.ljust(width + GAP), style=style(column, cell.strip()))
    line.rstrip()
    return line
