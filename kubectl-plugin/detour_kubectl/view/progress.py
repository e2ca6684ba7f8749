"""Stages with their bars, drawn over in place; without a terminal as text."""

from types import TracebackType
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from detour_kubectl.domain import migrations, texts
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.domain.stages import Stage, State
from detour_kubectl.view import words
from detour_kubectl.view.terminal import Terminal

BAR: Final = 30
MARKS: Final = {
    State.DONE: ("+", "green"),
    State.ACTIVE: (">", "cyan"),
    State.AHEAD: (" ", "dim"),
    State.BROKEN: ("x", "red"),
}
FULL: Final = 100
NEAR_FULL: Final = 80
"""Percent of its limit from which an overlay is told of (``OverlayNearLimit``)."""

Shown = tuple[tuple[Migration, tuple[Stage, ...]], ...]


def block(migration: Migration, stages: tuple[Stage, ...]) -> RenderableType:
    """One migration on a terminal."""
    head = Text.assemble(
        (words.title(migration), "bold"), "  ", (words.phase(migration), words.style(migration))
    )
    parts: list[RenderableType] = [head]
    if stages:
        parts.append(_bars(migration, stages))
    pauses = words.pauses(migration)
    if pauses:
        parts.append(Text(f"  pauses: {pauses}", style="dim"))
    parts.append(Text(f"  {migrations.message(migration)}"))
    return Group(*parts)


def _bars(migration: Migration, stages: tuple[Stage, ...]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(width=BAR)
    grid.add_column(no_wrap=True)
    for stage in stages:
        mark, style = MARKS[stage.state]
        bar = _bar(stage.percent, style, moving=stage.state is State.ACTIVE)
        name, told = Text(stage.name.value, style=style), Text(words.progress(stage))
        grid.add_row(Text(f" {mark}", style=style), name, bar, told)
    fill = migration.status.overlay
    told = Text(words.overlay(migration))
    if told and fill is not None:
        percent = texts.share(fill.bytes or 0, fill.limit_bytes or 0)
        style = "red" if percent >= NEAR_FULL else "blue"
        grid.add_row(Text("  "), Text("overlay", style=style), _bar(percent, style), told)
    return grid


def _bar(percent: int | None, style: str, *, moving: bool = False) -> ProgressBar:
    unknown = percent is None and moving
    return ProgressBar(
        total=None if unknown else FULL,
        completed=percent or 0,
        width=BAR,
        pulse=unknown,
        complete_style=style,
        finished_style=style,
    )


def text(terminal: Terminal, migration: Migration, stages: tuple[Stage, ...]) -> None:
    """One migration where nothing can be drawn."""
    terminal.line(f"{words.title(migration)}: {words.phase(migration)}")
    for stage in stages:
        told = words.progress(stage)
        terminal.line(f"  {stage.state.value:<6}  {stage.name.value:<9}  {told}".rstrip())
    for name, told in (("overlay", words.overlay(migration)), ("pauses", words.pauses(migration))):
        if told:
            terminal.line(f"  {name}: {told}")
    terminal.line(f"  {migrations.message(migration)}")


def show(terminal: Terminal, shown: Shown) -> None:
    """How they stand, once."""
    for migration, stages in shown:
        if terminal.is_live:
            terminal.out.print(block(migration, stages))
        else:
            text(terminal, migration, stages)


class Screen:
    """How they stand, again and again: drawn over on a terminal, else a line for each news."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._live = _live(terminal.out) if terminal.is_live else None
        self._told: set[tuple[object, ...]] = set()

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, shown: Shown) -> None:
        """Draw, or tell what is new."""
        if self._live is not None:
            self._live.update(Group(*(block(*one) for one in shown)), refresh=True)
            return
        for migration, stages in shown:
            news = words.news(migration, stages)
            if news not in self._told:
                self._told.add(news)
                self._terminal.line(words.line(migration, stages))

    def trouble(self, message: str) -> None:
        """Say that nothing could be seen; what was seen last stays."""
        news = ("trouble", message)
        if news not in self._told:
            self._told.add(news)
            self._terminal.note(message)


def _live(console: Console) -> Live:
    return Live(console=console, auto_refresh=True, refresh_per_second=4)
