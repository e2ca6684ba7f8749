"""When which key is due; no threads and no clock here.

A key is in work at most once at a time; what is added meanwhile waits until it is done.

An event tells of a version of its object. Most are echoes: of a status that the last pass itself
wrote, or of a change that it saw before the event came. A pass that leaves its object *settled*
at a version says that nothing follows from that version any more, and its echo is dropped.
"""

import dataclasses
import heapq
import itertools
from typing import NamedTuple


class Key(NamedTuple):
    """One object to reconcile; ``kind`` says which side's."""

    kind: str
    namespace: str
    name: str


class _Told(NamedTuple):
    """An event that came while its key was in work."""

    at: float
    version: str


@dataclasses.dataclass(slots=True)
class Schedule:
    """The keys that are waited for, with the time each is due; times are the caller's seconds."""

    _due: dict[Key, float] = dataclasses.field(default_factory=dict)
    _in_work: set[Key] = dataclasses.field(default_factory=set)
    _told: dict[Key, "_Told"] = dataclasses.field(default_factory=dict)
    _settled: dict[Key, str] = dataclasses.field(default_factory=dict)
    _heap: list[tuple[float, int, Key]] = dataclasses.field(default_factory=list)
    _order: "itertools.count[int]" = dataclasses.field(default_factory=itertools.count)

    def add(self, key: Key, at: float) -> None:
        """Have the key taken at that time; an earlier time that is already set stays."""
        before = self._due.get(key)
        if before is not None and before <= at:
            return
        self._due[key] = at
        if key not in self._in_work:
            self._push(key, at)

    def tell(self, key: Key, at: float, version: str) -> None:
        """Have the key taken because its object has that version, unless that is settled."""
        if key in self._in_work:
            self._told[key] = _Told(at, version)
        elif version != self._settled.get(key):
            self.add(key, at)

    def take(self, now: float) -> Key | None:
        """The key that is due longest, which is in work from here on; None if none is due."""
        at = self.next_at()
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        self._in_work.add(key)
        return key

    def done(self, key: Key, settled: str | None = None) -> None:
        """The key is not in work any more, and due again if it was added meanwhile.

        Args:
            key: the key.
            settled: the version of its object from which nothing follows any more; None if
                something may, or if there is no such object.
        """
        self._in_work.discard(key)
        if settled is None:
            self._settled.pop(key, None)
        else:
            self._settled[key] = settled
        if key in self._due:
            self._push(key, self._due[key])
        told = self._told.pop(key, None)
        if told is not None:
            self.tell(key, told.at, told.version)

    def next_at(self) -> float | None:
        """When the next key is due; None if none is waited for."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # a later time than the one that replaced it
        return self._heap[0][0] if self._heap else None

    def _push(self, key: Key, at: float) -> None:
        heapq.heappush(self._heap, (at, next(self._order), key))
