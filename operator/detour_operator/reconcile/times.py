"""Times as the API writes them (RFC 3339, UTC), as data; no clock is read here."""

import datetime


def seconds_between(earlier: str | None, later: str | None) -> float | None:
    """Seconds from one time to another, None if one of them is not known."""
    if not earlier or not later:
        return None
    span = datetime.datetime.fromisoformat(later) - datetime.datetime.fromisoformat(earlier)
    return span.total_seconds()


def is_over(since: str | None, now: str | None, limit_seconds: float) -> bool:
    """Whether more than a limit has passed; not where that is not known."""
    passed = seconds_between(since, now)
    return passed is not None and passed > limit_seconds
