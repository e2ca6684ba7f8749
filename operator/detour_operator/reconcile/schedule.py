"""When which key is due; no threads and no clock here.

A key is in work at most once at a time; what is added meanwhile waits until it is done.
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


@dataclasses.dataclass(slots=True)
class Schedule:
    """The keys that are waited for, with the time each is due; times are the caller's seconds."""

    _due: dict[Key, float] = dataclasses.field(default_factory=dict)
    _in_work: set[Key] = dataclasses.field(default_factory=set)
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

    def take(self, now: float) -> Key | None:
        """The key that is due longest, which is in work from here on; None if none is due."""
        at = self.next_at()
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        self._in_work.add(key)
        return key

    def done(self, key: Key) -> None:
        """The key is not in work any more, and due again if it was added meanwhile."""
        self._in_work.discard(key)
        if key in self._due:
            self._push(key, self._due[key])

    def next_at(self) -> float | None:
        """When the next key is due; None if none is waited for."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # a later time than the one that replaced it
        return self._heap[0][0] if self._heap else None

    def _push(self, key: Key, at: float) -> None:
        heapq.heappush(self._heap, (at, next(self._order), key))
