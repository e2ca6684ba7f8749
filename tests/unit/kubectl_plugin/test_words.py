"""Amounts and names."""

import datetime

import pytest

from detour_kubectl.domain import naming, texts
from detour_kubectl.domain.meter import Meter

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (64 << 20, "64 MiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 60, "3072 PiB"),
    ],
)
def test_bytes(count, words):
    assert texts.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0s"), (59.4, "59s"), (125, "2m 5s"), (3 * 3600 + 60, "3h 1m"), (2 * 86400, "2d 0h")],
)
def test_durations(seconds, words):
    assert texts.duration(seconds) == words


def test_a_share_of_nothing_is_nothing_and_never_more_than_all():
    assert (texts.share(5, 0), texts.share(5, 4), texts.share(1, 3)) == (0, 100, 33)


def test_times_of_the_api_are_read():
    assert texts.between("2026-01-01T12:00:00Z", "2026-01-01T12:00:09Z") == 9
    assert texts.between(None, "2026-01-01T12:00:09Z") is None


def test_a_long_name_is_shortened_and_stays_unique():
    names = {naming.proposed("m" * 60, volume, "fast") for volume in ("data", "root")}
    assert len(names) == 2
    for name in names:
        assert len(naming.free(name, {name, f"{name}-2"})) <= naming.LIMIT


def test_a_name_has_no_dots():
    assert naming.proposed("web.example", "data", "ssd.fast") == "web-example-data-to-ssd-fast"


def test_a_rate_needs_two_looks_that_differ():
    meter = Meter()
    meter.note(NOON, 100)
    assert meter.rate is None
    meter.note(NOON + datetime.timedelta(seconds=2), 300)
    assert meter.rate == 100
    meter.note(NOON + datetime.timedelta(seconds=3), 300)
    assert meter.rate == 100, "counters are written every few seconds"
    meter.note(NOON + datetime.timedelta(seconds=6), 700)
    assert meter.rate == 100
    meter.note(NOON + datetime.timedelta(seconds=7), 0)
    assert meter.rate is None, "another attempt begins anew"
