"""First come, first served: within the limits, whatever comes, and to everybody at last."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detour_operator.settings import InFlight
from detour_operator.turns.line import (
    CLUSTER,
    NODE,
    STORAGE_CLASS,
    Place,
    Waiting,
    places,
    told,
    whose_turn,
)

LIMITS = InFlight(cluster=4, per_node=2, per_storage_class=3)


def waiting(number, node="n1", classes=("fast",)):
    return Waiting(
        created=f"2026-01-01T00:00:{number:02}Z",
        key=("ns", f"m{number}"),
        places=places(node, classes),
    )


def turns(line, taken=(), limits=LIMITS):
    count = Counter(place for weighs_on in taken for place in weighs_on)
    found = whose_turn(line, count, limits)
    return [name for (_, name), lacking in found.items() if lacking is None]


def test_who_came_first_begins_first_whatever_the_order_of_asking():
    line = [waiting(number) for number in (3, 1, 2)]
    assert turns(line) == ["m1", "m2"]


def test_of_one_second_the_name_decides():
    later = waiting(1)
    line = [dataclasses.replace(later, key=("ns", name)) for name in ("c", "a", "b")]
    assert turns(line) == ["a", "b"]


@pytest.mark.parametrize(
    ("taken", "lacking"),
    [
        ([("n2", ["a"])] * 2 + [("n3", ["b"])] * 2, Place(CLUSTER)),
        ([("n1", ["a"])] * 2, Place(NODE, "n1")),
        ([("n2", ["fast"]), ("n3", ["fast"]), (None, ["fast"])], Place(STORAGE_CLASS, "fast")),
    ],
)
def test_each_limit_is_named(taken, lacking):
    count = Counter(place for node, classes in taken for place in places(node, classes))
    assert whose_turn([waiting(1)], count, LIMITS) == {("ns", "m1"): lacking}
    assert lacking.name in told(lacking, LIMITS)
    assert "(the chart's inFlight." in told(lacking, LIMITS)


def test_without_a_limit_all_begin():
    line = [waiting(number) for number in range(9)]
    assert len(turns(line, limits=InFlight(cluster=0, per_node=0, per_storage_class=0))) == 9


def test_a_stopped_machine_weighs_on_no_node():
    assert turns([waiting(1, node=None)], [places("n1", [])] * 2) == ["m1"]


def test_others_pass_one_that_cannot_begin():
    busy = [places("n1", ["slow"])] * 2
    assert turns([waiting(1), waiting(2, node="n2"), waiting(3, node="n2")], busy) == ["m2"]


def test_but_room_is_kept_for_the_first_of_those():
    """It needs a node that is full, and one of the class's places that is free."""
    busy = [places("n1", ["slow"]), places("n1", ["fast"]), places("n2", ["fast"])]
    later = waiting(2, node="n2")
    assert turns([waiting(1), later], busy) == []
    assert turns([later], busy) == ["m2"]


LINES = st.lists(
    st.tuples(st.sampled_from(["n1", "n2", None]), st.sampled_from(["fast", "slow"])), max_size=12
)


@settings(derandomize=True, max_examples=200)
@given(LINES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_no_limit_is_passed_and_everybody_begins_at_last(line, cluster, per_node, per_class):
    """Each round the one that has been under way longest ends; nobody else comes."""
    limits = InFlight(cluster=cluster, per_node=per_node, per_storage_class=per_class)
    left = [waiting(number, node, [kind]) for number, (node, kind) in enumerate(line)]
    under_way = []
    for _ in range(2 * len(line) + 1):
        count = Counter(place for one in under_way for place in one.places)
        for key, lacking in whose_turn(left, count, limits).items():
            if lacking is None:
                under_way.append(next(one for one in left if one.key == key))
        left = [one for one in left if one not in under_way]
        count = Counter(place for one in under_way for place in one.places)
        most = {CLUSTER: cluster, NODE: per_node, STORAGE_CLASS: per_class}
        assert all(not most[place.kind] or n <= most[place.kind] for place, n in count.items())
        if under_way:
            under_way.pop(0)
    assert not left
