"""The work queue: a schedule that threads share, on the monotonic clock."""

import threading
import time
from collections.abc import Callable

from detour_operator.reconcile.schedule import Key, Schedule

__all__ = ["Key", "Queue"]


class Queue:
    """Keys to reconcile. Any thread may add; workers take, and say when they are done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._schedule = Schedule()
        self._changed = threading.Condition()
        self._stopped = False

    def add(self, key: Key, after: float = 0.0) -> None:
        """Have the key reconciled after that many seconds, or earlier if that was asked for."""
        with self._changed:
            self._schedule.add(key, self._clock() + after)
            self._changed.notify()

    def tell(self, key: Key, version: str) -> None:
        """Have the key reconciled because its object has that version, unless that is settled."""
        with self._changed:
            self._schedule.tell(key, self._clock(), version)
            self._changed.notify()

    def take(self) -> Key | None:
        """Wait for a key that is due; None once the queue is stopped."""
        with self._changed:
            while not self._stopped:
                now = self._clock()
                key = self._schedule.take(now)
                if key is not None:
                    return key
                at = self._schedule.next_at()
                self._changed.wait(None if at is None else max(0.0, at - now))
            return None

    def done(self, key: Key, settled: str | None = None) -> None:
        """The worker has finished with the key, and settled its object at that version."""
        with self._changed:
            self._schedule.done(key, settled)
            self._changed.notify()

    def stop(self) -> None:
        """Wake all workers; nothing is taken any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
