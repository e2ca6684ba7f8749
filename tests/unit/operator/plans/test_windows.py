"""Maintenance windows, whatever the clocks do."""

import datetime
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detour_crds.volume_migration_plan import Window
from detour_operator.errors import Rejected
from detour_operator.plans.windows import look, seconds_of

BERLIN = "Europe/Berlin"


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def window(start, duration="1h", zone="UTC"):
    return Window(start=start, duration=duration, time_zone=zone)


def told(*windows, now):
    found = look(windows, at(now))
    return found.open, found.until


NIGHT = window("0 22 * * *", "6h")
SATURDAYS = window("30 1 * * 6", "90m")


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        ([NIGHT], "2026-01-01T21:59:59", (False, "2026-01-01T22:00:00Z")),
        ([NIGHT], "2026-01-01T22:00:00", (True, "2026-01-02T04:00:00Z")),
        ([NIGHT], "2026-01-02T03:59:59", (True, "2026-01-02T04:00:00Z")),
        ([NIGHT], "2026-01-02T04:00:00", (False, "2026-01-02T22:00:00Z")),
        ([SATURDAYS], "2026-01-02T12:00:00", (False, "2026-01-03T01:30:00Z")),
        ([SATURDAYS], "2026-01-03T02:00:00", (True, "2026-01-03T03:00:00Z")),
        ([NIGHT, SATURDAYS], "2026-01-03T02:00:00", (True, "2026-01-03T04:00:00Z")),
        ([NIGHT, window("0 4 * * *")], "2026-01-02T03:00:00", (True, "2026-01-02T05:00:00Z")),
        ([window("0 0 * * *", "24h")], "2026-01-02T03:00:00", (True, None)),
        ([window("0 12 29 2 *")], "2026-01-02T03:00:00", (False, "2028-02-29T12:00:00Z")),
        ([window("0 0 1 1 *", "999h")], "2026-02-11T14:59:59", (True, "2026-02-11T15:00:00Z")),
        ([window("0 0 1 1 *", "999h")], "2026-02-11T15:00:00", (False, "2027-01-01T00:00:00Z")),
        ([window("* * * * *", "1m")], "2026-01-02T03:00:30", (True, None)),
    ],
)
def test_when_a_window_is_open(windows, now, expected):
    assert told(*windows, now=now) == expected


@pytest.mark.parametrize(
    ("start", "now", "expected"),
    [
        # On 29 March 2026 the hour from 2 to 3 is left out, which is at 01:00 UTC.
        ("30 2 * * *", "2026-03-29T00:59:59", (False, "2026-03-29T01:00:00Z")),
        ("30 2 * * *", "2026-03-29T01:00:00", (True, "2026-03-29T02:00:00Z")),
        ("30 2 * * *", "2026-03-29T02:00:00", (False, "2026-03-30T00:30:00Z")),
        # On 25 October 2026 it comes twice, at 00:00 and at 01:00 UTC.
        ("30 2 * * *", "2026-10-25T00:30:00", (True, "2026-10-25T01:30:00Z")),
        ("30 2 * * *", "2026-10-25T01:15:00", (True, "2026-10-25T01:30:00Z")),
        ("30 2 * * *", "2026-10-25T01:30:00", (False, "2026-10-26T01:30:00Z")),
        # A window across a change is as long as it is asked to be.
        ("30 1 * * *", "2026-03-29T01:29:59", (True, "2026-03-29T01:30:00Z")),
        ("30 1 * * *", "2026-03-29T01:30:00", (False, "2026-03-29T23:30:00Z")),
    ],
)
def test_a_change_of_the_clocks(start, now, expected):
    assert told(window(start, zone=BERLIN), now=now) == expected


def test_it_opens_by_the_clock_of_its_zone():
    """New York, in winter and in summer."""
    for month, hour in ((1, 15), (7, 14)):
        day = f"2026-{month:02}-05"
        expected = f"{day}T{hour}:00:00Z"
        zone = "America/New_York"
        assert told(window("0 10 * * *", zone=zone), now=f"{day}T08:00:00") == (False, expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"start": "61 * * * *"}, "start '61 * * * *'"),
        ({"start": "* * 30 2 *"}, "start"),
        ({"start": "1L/2 * 1L/2 * *"}, "start"),
        ({"start": "0 1 * *"}, "start"),
        ({"start": "0 1 * * 1L-3"}, "start"),
        ({"start": "0 1 L/3 * *", "zone": "Mars/Olympus"}, "timeZone 'Mars/Olympus'"),
        ({"start": "0 1 * * *", "zone": "Europe"}, "timeZone"),
        ({"start": "0 1 * * *", "zone": "../../etc/passwd"}, "timeZone"),
        ({"start": "0 1 * * *", "duration": "0h"}, "duration"),
        ({"start": "0 1 * * *", "duration": ""}, "duration"),
    ],
)
def test_what_is_wrong_is_named(given, words):
    with pytest.raises(Rejected, match="WindowInvalid") as error:
        told(window(**given), now="2026-01-01T00:00:00")
    assert words in error.value.message


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21600), ("90m", 5400), ("1h30m", 5400), ("999h999m", 3656340)]
)
def test_lengths(text, seconds):
    assert seconds_of(text) == seconds


ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Gaza")
STARTS = st.tuples(
    st.sampled_from(["0", "30", "*/20", "59"]),
    st.sampled_from(["0", "1", "2", "3", "*", "1-3", "23", "*/6"]),
    st.just("*"),
    st.just("*"),
    st.sampled_from(["*", "0", "1-5"]),
).map(" ".join)
WINDOWS = st.builds(
    window, STARTS, st.sampled_from(["1m", "30m", "1h", "5h", "26h"]), st.sampled_from(ZONES)
)
CHANGES = [
    at("2026-03-29T01:00:00"),
    at("2026-10-25T01:00:00"),
    at("2026-03-08T07:00:00"),
    at("2026-04-04T15:00:00"),
    at("2026-10-03T15:30:00"),
    at("2026-07-01T00:00:00"),
]
TIMES = st.builds(
    lambda change, minutes: change + datetime.timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-2000, 2000),
)


def minute_by_minute(start, zone, now, hours):
    """The starts that cron would have had up to a time, by looking at every minute's clock."""
    names = start.split()
    local = [
        (now - datetime.timedelta(minutes=number)).replace(second=0)
        for number in range(hours * 60)
    ]
    shown = [(moment, moment.astimezone(zoneinfo.ZoneInfo(zone))) for moment in reversed(local)]
    return [moment for moment, clock in shown if _matches(names, clock)]


def _matches(names, clock):
    weekday = clock.isoweekday() % 7
    values = (clock.minute, clock.hour, weekday)
    fields = (names[0], names[1], names[4])
    return all(_field(field, value) for field, value in zip(fields, values, strict=True))


def _field(field, value):
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    if "-" in field:
        low, high = map(int, field.split("-"))
        return low <= value <= high
    return field == "*" or value == int(field)


@pytest.mark.thorough
@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(one=WINDOWS, now=TIMES)
def test_it_is_open_after_each_start_that_the_clock_shows(one, now):
    """But for an hour that comes twice: then it opens at the first.

    An hour that is left out opens at its end, which no clock shows: the other way round it is not
    claimed.
    """
    found = look([one], now)
    length = datetime.timedelta(seconds=seconds_of(one.duration))
    zone = zoneinfo.ZoneInfo(one.time_zone)
    for start in minute_by_minute(one.start, one.time_zone, now, 30):
        again = start.astimezone(zone).fold == 1
        if start <= now < start + length and not again:
            assert found.open, start


@pytest.mark.thorough
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(windows=st.lists(WINDOWS, min_size=1, max_size=3), now=TIMES)
def test_it_changes_when_it_says_and_not_before(windows, now):
    found = look(windows, now)
    if found.until is None:
        assert found.open
        return
    until = at(found.until.removesuffix("Z"))
    assert until > now
    for part in (0.0, 0.3, 0.99):
        between = now + (until - now) * part
        assert look(windows, between.replace(microsecond=0)).open is found.open
    last = look(windows, until - datetime.timedelta(seconds=1))
    assert (last.open, last.until) == (found.open, found.until)
    assert look(windows, until).open is not found.open or until - now > datetime.timedelta(hours=3)


@pytest.mark.thorough
@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(text=st.text(max_size=40) | st.from_regex(r"([0-9*/,L#-]{1,5} ){4}[0-9*/,L#-]{1,5}"))
def test_whatever_is_written_has_one_error(text):
    try:
        look([window(text)], at("2026-01-01T00:00:00"))
    except Rejected as error:
        assert error.reason == "WindowInvalid"
