"""Looks at migrations again and again.

Looked at, not watched: what is shown stands in two objects, one of which its agent writes every
five seconds, and times and rates change without any of them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from detour_kubectl.domain.meter import Meter
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.domain.stages import Stage, stages
from detour_kubectl.errors import UnreachableError
from detour_kubectl.port import Clock

EVERY_SECONDS: Final = 1.0
UNREACHABLE_SECONDS: Final = 120.0
"""An API server that restarts in the middle of a move is no reason to stop watching."""

Seen = tuple[tuple[Migration, tuple[Stage, ...]], ...]


class Watcher:
    """Looks, and remembers what rates are made of."""

    def __init__(self, clock: Clock, look: Callable[[], Sequence[Migration]]) -> None:
        self._clock = clock
        self._look = look
        self._meters: dict[str, Meter] = {}

    def once(self) -> Seen:
        """The migrations as they are now, with their stages."""
        return tuple((found, self._stages(found)) for found in self._look())

    def looks(self) -> Iterator[Seen | UnreachableError]:
        """What was seen, again and again; an error where the API does not answer for a while.

        Raises:
            UnreachableError: it has not answered for two minutes.
        """
        answered = self._clock.now()
        while True:
            try:
                seen = self.once()
            except UnreachableError as error:
                if (self._clock.now() - answered).total_seconds() >= UNREACHABLE_SECONDS:
                    raise
                yield error
            else:
                answered = self._clock.now()
                yield seen
            self._clock.sleep(EVERY_SECONDS)

    def _stages(self, migration: Migration) -> tuple[Stage, ...]:
        node = migration.switch.node if migration.switch is not None else None
        done = node.merge.bytes_done if node is not None and node.merge is not None else None
        meter = self._meters.setdefault(migration.uid, Meter())
        meter.note(self._clock.now(), done)
        return stages(migration, meter.rate)
