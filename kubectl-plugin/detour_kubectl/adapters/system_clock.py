"""The clock of this machine."""

import datetime
import time


class SystemClock:
    """Implements :class:`detour_kubectl.port.Clock`."""

    def now(self) -> datetime.datetime:
        """The time in UTC."""
        return datetime.datetime.now(datetime.UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
