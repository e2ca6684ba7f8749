"""A merge that does not get on, and what the guest may write meanwhile."""

from detour_agent.domain.budget import LEAST_WRITE_RATE, MIB
from detour_agent.domain.converging import Course, followed, write_rate

START = Course(100 * MIB, 10.0)


def test_a_merge_that_gets_on_is_left_alone():
    course = START
    for second in range(11, 300):
        course = followed(course, course.left - MIB // 4, float(second))
        assert write_rate(course, float(second)) is None


def test_a_merge_that_stands_still_is_helped_ever_more():
    rates = [write_rate(followed(START, 100 * MIB, at), at) for at in (69.0, 70.0, 130.0, 9999.0)]
    assert rates == [None, 64 * MIB, 32 * MIB, LEAST_WRITE_RATE]


def test_going_up_and_down_is_not_getting_on():
    course = START
    for second in range(11, 200):
        course = followed(course, (100 + second % 7) * MIB, float(second))
    assert course == START


def test_a_new_merge_has_a_new_course():
    assert followed(None, 5, 1.0) == Course(5, 1.0)
