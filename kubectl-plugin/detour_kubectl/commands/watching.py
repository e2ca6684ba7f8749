"""Watching until something is reached, on a terminal or in a log, and what its end means."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from detour_kubectl.commands.app import Session
from detour_kubectl.domain import migrations, reasons, summary
from detour_kubectl.domain.migrations import ENDED, Migration, Outcome
from detour_kubectl.errors import (
    InterruptedWatchError,
    NeedsPersonError,
    OutOfTimeError,
    UnreachableError,
    UnsuccessfulError,
)
from detour_kubectl.looking.watching import Seen, Watcher
from detour_kubectl.view.progress import Screen, Shown

Stop = Callable[[Migration], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How to watch: until when, how long in seconds, and as text or as JSON or YAML."""

    stop: Stop
    seconds: float | None = None
    form: str | None = None


def needs_nobody(migration: Migration) -> bool:
    """Whether it gets on by itself; a refusal that ends by itself counts as that."""
    stands = migrations.outcome(migration)
    if stands is Outcome.REFUSED:
        return migrations.reason(migration) in reasons.TRANSIENT
    return stands is Outcome.RUNNING


def until_a_person(migration: Migration) -> bool:
    """For whoever waits for a move: until it ended, or cannot get on without somebody."""
    return not needs_nobody(migration)


def until_the_end(migration: Migration) -> bool:
    """For whoever looks on."""
    return migrations.has_ended(migration)


def follow(
    session: Session, look: Callable[[], Sequence[Migration]], watch: Watch
) -> tuple[Migration, ...]:
    """Show migrations until each has reached what is watched for; as they were seen last.

    Raises:
        OutOfTimeError: not within the time given.
        InterruptedWatchError: Ctrl-C.
    """
    start = session.clock.now()
    watcher = Watcher(session.clock, look)
    try:
        with _screen(session, watch) as screen:
            for seen in watcher.looks():
                if isinstance(seen, UnreachableError):
                    screen.trouble(seen.message)
                    continue
                screen.show(seen)
                if all(watch.stop(found) for found, _ in seen):
                    return tuple(found for found, _ in seen)
                if _is_late(session, start_seconds=start.timestamp(), limit=watch.seconds):
                    raise _late(seen, watch)
    except KeyboardInterrupt as error:
        raise InterruptedWatchError("stopped watching", GOES_ON) from error
    raise AssertionError("the looks have no end of their own")


GOES_ON: Final = (
    "the moves go on: `kubectl detour status -w` watches again, `kubectl detour cancel NAME`"
    " takes one back"
)


def _screen(session: Session, watch: Watch) -> "Screen | _Documents":
    return Screen(session.terminal) if watch.form is None else _Documents(session, watch.form)


class _Documents:
    """One JSON or YAML document for each change."""

    def __init__(self, session: Session, form: str) -> None:
        self._session = session
        self._form = form
        self._told: dict[str, object] = {}

    def __enter__(self) -> "_Documents":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, shown: Shown) -> None:
        for migration, stages in shown:
            told = summary.summary(migration, stages)
            if self._told.get(migration.uid) != told:
                self._told[migration.uid] = told
                self._session.terminal.data(told, self._form, compact=True)

    def trouble(self, message: str) -> None:
        self._session.terminal.note(message)


def _is_late(session: Session, *, start_seconds: float, limit: float | None) -> bool:
    return limit is not None and session.clock.now().timestamp() - start_seconds >= limit


def _late(seen: Seen, watch: Watch) -> OutOfTimeError:
    waiting = next((found for found, _ in seen if not watch.stop(found)), None)
    name = waiting.name if waiting is not None else ""
    told = migrations.message(waiting) if waiting is not None else ""
    return OutOfTimeError(
        f"the time is over, and {name} is not done: {told}",
        f"the move goes on; `kubectl detour explain {name}` says what it waits for",
    )


def conclude(migration: Migration) -> None:
    """End as the migration did.

    Raises:
        UnsuccessfulError: it was cancelled, or failed.
        NeedsPersonError: it is refused, or stopped until somebody acts.
    """
    stands, message = migrations.outcome(migration), migrations.message(migration)
    explain = f"`kubectl detour explain {migration.name} -n {migration.namespace}`"
    if stands in (Outcome.REFUSED, Outcome.STALLED):
        told = f"{migration.name} {'is refused' if stands is Outcome.REFUSED else 'has stopped'}"
        hint = f"{explain} says the next step; Detour goes on by itself once that is done"
        raise NeedsPersonError(f"{told}: {migrations.reason(migration)}: {message}", hint)
    if stands in ENDED - {Outcome.SUCCEEDED}:
        told = f"{migration.name}: {migrations.reason(migration)}: {message}"
        raise UnsuccessfulError(told, f"{explain} says why, and what to do before the next try")
