"""Workers: each takes a key, has its side make one pass, and says when to look again."""

import dataclasses
import logging
import threading
import time
from collections.abc import Mapping
from typing import Protocol

from detour_operator.errors import Conflict, DetourError, InvariantBroken, NotYet, Unreachable
from detour_operator.metrics import passes
from detour_operator.reconcile.queue import Key, Queue

log = logging.getLogger(__name__)

CONFLICT_SECONDS = 0.2
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Next:
    """When to look again.

    Attributes:
        after: seconds until the next look; None for on events only.
        settled: the version of the object from which nothing follows any more, unless something
            else changes; None if something may.
    """

    after: float | None
    settled: str | None = None

    def within(self, seconds: float) -> "Next":
        """The same, but no later than after that many seconds; 0 for no limit."""
        if not seconds:
            return self
        after = seconds if self.after is None else min(self.after, seconds)
        return dataclasses.replace(self, after=after)


class Reconciler(Protocol):
    """One side of the contract."""

    def reconcile(self, namespace: str, name: str) -> Next:
        """Make one pass for one object; safe to repeat after a crash at any point."""


class BackOff:
    """Seconds to wait after each failure in a row, per key: 1, 2, 4, ... 60."""

    def __init__(self) -> None:
        self._failures: dict[Key, int] = {}

    def after_failure(self, key: Key, first: float = FIRST_RETRY_SECONDS) -> float:
        """Count one more failure; how long to wait now."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(LONGEST_RETRY_SECONDS, first * 2.0 ** min(failures, 10))

    def forget(self, key: Key) -> None:
        """The key's pass went well."""
        self._failures.pop(key, None)


class Workers:
    """A fixed number of threads on one queue."""

    def __init__(self, queue: Queue, reconcilers: Mapping[str, Reconciler]) -> None:
        self._queue = queue
        self._reconcilers = reconcilers
        passes.announce(reconcilers)
        self._back_off = BackOff()
        self._threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        """Start the threads."""
        for number in range(count):
            thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> bool:
        """Let each worker finish its pass; whether all did within that time."""
        self._queue.stop()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (key := self._queue.take()) is not None:
            found = self.one_pass(key)
            if found.after is not None:
                self._queue.add(key, found.after)
            self._queue.done(key, found.settled)

    def one_pass(self, key: Key) -> Next:
        """One pass for the key, and when to look again, whatever became of it."""
        about = {"kind": key.kind, "namespace": key.namespace, "object": key.name}
        try:
            with passes.counted(key.kind):
                found = self._reconcilers[key.kind].reconcile(key.namespace, key.name)
        except NotYet as error:
            self._back_off.forget(key)
            return Next(error.after)
        except Conflict as error:
            log.info("The object changed meanwhile: %s", error, extra=about)
            return Next(self._back_off.after_failure(key, CONFLICT_SECONDS))
        except Unreachable as error:
            log.warning("Could not look: %s", error, extra=about)
            return Next(self._back_off.after_failure(key))
        except InvariantBroken as error:
            log.critical("Nothing is touched any more: %s", error, extra=about)
            return Next(LONGEST_RETRY_SECONDS)
        except DetourError as error:
            log.error("The pass failed: %s", error, extra=about)  # noqa: TRY400 - no bug
            return Next(self._back_off.after_failure(key))
        except Exception:
            # A bug met by one object must not stop the work on the others.
            log.exception("The pass failed unexpectedly", extra=about)
            return Next(self._back_off.after_failure(key))
        self._back_off.forget(key)
        return found
