"""The conditions of a step hold in each of its situations and in no other."""

import itertools

import pytest

from unit.states.conditions import MOST, Enumeration

VALUES = range(4)


def enumerated(decide):
    return Enumeration(
        ({"x": x, "y": y, "z": z}, decide(x, y, z))
        for x, y, z in itertools.product(VALUES, VALUES, VALUES)
    )


def holds(condition, **facts):
    return all(facts[name] in allowed for name, allowed in condition.items())


def test_a_fact_that_does_not_matter_is_not_named():
    (condition,) = enumerated(lambda x, y, _z: x == 1 and y > 1).conditions(True)
    assert condition == {"x": {1}, "y": {2, 3}}


@pytest.mark.parametrize(
    "decide",
    [
        lambda x, y, z: x == 0 or (y == 1 and z < 2),
        lambda x, y, z: (x == 0 and y == 0) or (x == 0 and z == 3),
        lambda x, y, _z: x > 1 or y > 1,
    ],
)
@pytest.mark.parametrize("step", [True, False])
def test_the_conditions_together_say_exactly_when(decide, step):
    conditions = enumerated(decide).conditions(step)
    for x, y, z in itertools.product(VALUES, VALUES, VALUES):
        said = any(holds(condition, x=x, y=y, z=z) for condition in conditions)
        assert said == (bool(decide(x, y, z)) is step)


def test_what_takes_more_lines_than_anybody_reads_is_left_to_a_sentence():
    assert len(VALUES) * len(VALUES) > MOST
    assert enumerated(lambda x, y, z: (x + y + z) % 4).conditions(0) is None
