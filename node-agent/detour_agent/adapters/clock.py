"""Time that only grows."""

import time


class MonotonicClock:
    """Implements ``Clock``."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
