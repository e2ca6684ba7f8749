"""Spans between times of the API."""

from detour_operator.reconcile.times import is_over, seconds_between

ONE, TWO = "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"


def test_spans():
    assert seconds_between(ONE, TWO) == 90
    assert seconds_between(TWO, ONE) == -90
    assert seconds_between(None, TWO) is None
    assert seconds_between(ONE, "") is None


def test_what_is_not_known_is_not_over():
    assert is_over(ONE, TWO, 89)
    assert not is_over(ONE, TWO, 90)
    assert not is_over(None, TWO, 0)
