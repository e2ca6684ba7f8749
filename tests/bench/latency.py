"""How long the guest's requests took in a span of time, by the guest's own log."""

import datetime

from guest.log import Boots


def utc(moment: float) -> datetime.datetime:
    """A moment of our clock."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)


def longest_ms(boots: Boots, start: float, end: float) -> float:
    """The longest write between two moments of our clock, in milliseconds."""
    found = boots.longest_us(utc(start), utc(end))
    if found is None:
        raise LookupError("the guest logged no write in that time")
    return found / 1000


def mean_ms(boots: Boots, start: float, end: float) -> float:
    """The mean write between two moments of our clock, in milliseconds."""
    found = boots.mean_write_us(utc(start), utc(end))
    if found is None:
        raise LookupError("the guest logged no whole second of writes in that time")
    return found / 1000
