"""The rate of a merge, which no status has: from what was seen at two moments."""

import datetime


class Meter:
    """Bytes per second over the last looks at one migration."""

    def __init__(self) -> None:
        self._since: tuple[datetime.datetime, int] | None = None
        self.rate: float | None = None

    def note(self, now: datetime.datetime, done: int | None) -> None:
        """Note a look.

        The agent writes its counters every few seconds: one that stands still between two looks is
        not a rate of nothing.
        """
        if done is None:
            self._since = self.rate = None
            return
        if self._since is None or done < self._since[1]:
            self._since, self.rate = (now, done), None
            return
        seconds = (now - self._since[0]).total_seconds()
        if done > self._since[1] and seconds > 0:
            self.rate = (done - self._since[1]) / seconds
            self._since = (now, done)
