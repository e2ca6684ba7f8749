"""How far a copy or its verification is, as JSON lines; pure but for the clock it is given."""

import collections
import json
import re
from collections.abc import Callable

WINDOW_SECONDS = 10.0
"""The rate is that of the last so many seconds."""
EVERY_SECONDS = 1.0
PERCENT = re.compile(rb"\((\d+\.\d+)/100%\)")
"""``qemu-progress.c``: ``(12.34/100%)`` and a carriage return, once for each whole percent."""
STEPS = 100


class Progress:
    """Turns what qemu-img prints, or the verification counts, into lines for the operator."""

    def __init__(
        self, total: int, tell: Callable[[str], None], now: float, *, verifying: bool = False
    ) -> None:
        self._total = total
        self._verifying = verifying
        self._tell = tell
        self._done = 0
        self._step = 0
        self._read_at_step = 0
        self._told_at: float | None = None
        self._seen: collections.deque[tuple[float, int]] = collections.deque([(now, 0)])

    def update(self, printed: bytes, now: float, read: int | None = None) -> None:
        """Take up what was printed, perhaps nothing, and what was read since the last report.

        A percent of a large disk takes long. Holes are not read, so that no more than this is done
        at least.

        Args:
            printed: some whole or cut reports; the last whole one counts.
            now: seconds, of any clock that only goes forward.
            read: bytes that qemu-img has read so far; None if that is not known.
        """
        found = PERCENT.findall(printed)
        if found:
            self._step = round(self._total * float(found[-1]) / STEPS)
            self._read_at_step = self._read_at_step if read is None else read
        since = 0 if read is None else min(read - self._read_at_step, self._total // STEPS)
        self._done = max(self._done, min(self._step + since, self._total))
        self._tell_now_and_then(now)

    def reached(self, done: int, now: float, total: int | None = None) -> None:
        """So many bytes, of so many, are dealt with; tell at most once a second."""
        self._done = done
        self._total = self._total if total is None else total
        self._tell_now_and_then(now)

    def _tell_now_and_then(self, now: float) -> None:
        self._seen.append((now, self._done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:  # noqa: PLR2004
            self._seen.popleft()
        if self._told_at is None or now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            self._tell(self.line())

    def finished(self, now: float) -> None:
        """All is copied."""
        self._done = self._total
        self._seen.append((now, self._total))
        self._tell(self.line())

    def line(self) -> str:
        """The progress in bytes and bytes per second."""
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        seconds = last_at - first_at
        rate = round((last - first) / seconds) if seconds > 0 else 0
        told = {"bytesDone": self._done, "bytesTotal": self._total, "bytesPerSecond": rate}
        return json.dumps({**told, **({"verifying": True} if self._verifying else {})})
