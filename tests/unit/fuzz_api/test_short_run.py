"""A short ``make fuzz``, always of the same cases."""

import pytest

from fuzz import cases, whole

pytestmark = pytest.mark.timeout(1800)  # the programs may have to be built first

RUNS = 150
FIRST = 1


def test_nothing_that_is_asked_for_harms_the_operator():
    with whole.prepared() as (asked, operator):
        report = whole.run(asked, operator, [cases.drawn(FIRST + each) for each in range(RUNS)])
    assert report.good, report.summary()
    assert sum(item.accepted for item in report.outcomes) > RUNS / 5, report.summary()
