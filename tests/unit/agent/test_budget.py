"""What the overlay's growth calls for, and that it is always decided before the disk is full."""

import itertools

import pytest

from detour_agent.domain import budget
from detour_agent.domain.budget import GIB, MIB, Growth, Room, Verdict, judge
from detour_crds.attachment_switch import Pressure
from detour_crds.volume_migration import NearLimit

CANCEL, THROTTLE = NearLimit.CANCEL, NearLimit.THROTTLE
NEAR, THROTTLED, REACHED = Pressure.NEAR, Pressure.THROTTLED, Pressure.REACHED
LEAST = budget.LEAST_WRITE_RATE
FREE = 50 * GIB


def growth(taken, limit=10 * GIB, rate=0, **more):
    return Growth(
        **{"taken": taken, "limit": limit, "room": FREE, "free": FREE, "rate": rate, **more}
    )


TABLE = {
    "little": (growth(GIB), None, None),
    "just below 80 %": (growth(8 * GIB - MIB), None, None),
    "80 %": (growth(8 * GIB), NEAR, None),
    "80 %, fast, is not the limit yet": (growth(8 * GIB, rate=300 * MIB), NEAR, None),
    "what five seconds would fill": (growth(9 * GIB, rate=300 * MIB), REACHED, FREE // 120),
    "the limit": (growth(10 * GIB), REACHED, FREE // 120),
    "beyond it": (growth(11 * GIB), REACHED, FREE // 120),
    "the node fills up": (growth(GIB, room=GIB // 5), NEAR, None),
    "the node is full": (growth(GIB, room=0, free=5 * GIB), REACHED, 5 * GIB // 120),
    "no byte is free": (growth(GIB, room=0, free=0), REACHED, LEAST),
    "throttled from 80 % on": (
        growth(8 * GIB, near_limit=THROTTLE), THROTTLED, 2 * GIB // 1800,
    ),
    "ever harder": (
        growth(9 * GIB, near_limit=THROTTLE, throttled=True), THROTTLED, GIB // 1800,
    ),
    "never to nothing": (
        growth(10 * GIB - MIB, near_limit=THROTTLE, throttled=True), THROTTLED, LEAST,
    ),
    "a throttle is not in a hurry": (
        growth(9 * GIB, near_limit=THROTTLE, rate=GIB), THROTTLED, GIB // 1800,
    ),
    "a throttle that was not enough": (
        growth(10 * GIB, near_limit=THROTTLE, throttled=True), REACHED, FREE // 120,
    ),
    "it stays a little below 80 %": (
        growth(7.6 * GIB, near_limit=THROTTLE, throttled=True), None, int(2.4 * GIB) // 1800,
    ),
    "and is released": (growth(7 * GIB, near_limit=THROTTLE, throttled=True), None, None),
    "the way back needs no throttle": (growth(7 * GIB, may_cancel=False), None, None),
    "the way back near the limit": (growth(9 * GIB, may_cancel=False), THROTTLED, FREE // 120),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "pressure", "rate"), TABLE.values(), ids=TABLE)
def test_table(seen, pressure, rate):
    found = judge(seen)
    assert (found.pressure, found.write_rate) == (pressure, rate)


def test_how_soon_it_is_looked_at_again():
    assert judge(growth(0, limit=1000 * GIB, room=1000 * GIB)).look == 10
    assert judge(growth(0, limit=4 * GIB)).look == 2
    assert judge(growth(0, limit=16 * GIB, rate=2 * GIB)).look == 2
    assert judge(growth(9 * GIB, rate=GIB)).look == 0.5


def looks(rates, *, limit, reserve, near_limit):
    """Look at an overlay that grows as the rates of each second say; until it is cancelled."""
    now, taken, before, throttled = 0.0, 0.0, None, None
    while now < len(rates):
        rate = budget.growth_rate(before, now, round(taken))
        left = max(0, round(limit - taken))
        seen = Growth(
            taken=round(taken), limit=limit, room=left, free=left + reserve, rate=rate,
            near_limit=near_limit, throttled=throttled is not None,
        )  # fmt: skip
        found = judge(seen)
        yield taken, found
        before, throttled = (now, round(taken)), found.write_rate
        until = now + found.look
        while now < until:
            second = rates[min(int(now), len(rates) - 1)]
            taken += 0.5 * min(second, throttled or second)
            now += 0.5


SPEEDS = (0, MIB, 100 * MIB, GIB, 2 * GIB)
BURSTS = [
    [first] * 60 + [second] * 600 for first, second in itertools.product(SPEEDS, SPEEDS) if second
]


@pytest.mark.parametrize("rates", BURSTS)
@pytest.mark.parametrize("limit", [64 * MIB, GIB, 20 * GIB, 500 * GIB])
def test_the_limit_is_found_before_the_disk_is_full(rates, limit):
    """On a file system of a hundred GiB, of which ten and a margin are kept free."""
    reserve = 11 * GIB
    for taken, found in looks(rates, limit=limit, reserve=reserve, near_limit=CANCEL):
        assert taken < limit + reserve
        if found.pressure is REACHED:
            # What it takes to begin the way back at the guest's fastest.
            assert taken + min(max(rates), found.write_rate) * budget.REACT_SECONDS < (
                limit + reserve
            )
            return
    assert sum(rates) < limit


@pytest.mark.parametrize("rates", BURSTS)
@pytest.mark.parametrize("limit", [64 * MIB, 20 * GIB, 50 * GIB])
def test_a_throttled_guest_goes_on_for_long_and_never_fills_the_disk(rates, limit):
    pressed = []
    for taken, found in looks(rates, limit=limit, reserve=11 * GIB, near_limit=THROTTLE):
        assert taken < limit + 11 * GIB
        assert found.write_rate is None or found.write_rate >= LEAST
        if found.pressure is REACHED:
            break
        if found.write_rate:
            pressed.append(found.write_rate)
    assert pressed == sorted(pressed, reverse=True)


def test_what_may_be_taken():
    room = Room(free_bytes=60 * GIB, kept_bytes=10 * GIB, total_bytes=100 * GIB)
    assert budget.limit(room, None) == 49 * GIB
    assert budget.limit(room, 5 * GIB) == 5 * GIB
    assert budget.limit(room, 500 * GIB) == 49 * GIB
    small = Room(free_bytes=60 * MIB, kept_bytes=10 * MIB, total_bytes=100 * MIB)
    assert budget.limit(small, None) == 49 * MIB
    full = Room(free_bytes=5 * GIB, kept_bytes=10 * GIB, total_bytes=100 * GIB)
    assert budget.limit(full, None) == 0


ROOM = Room(free_bytes=60 * GIB, kept_bytes=10 * GIB, total_bytes=100 * GIB)
FULL = Room(free_bytes=11 * GIB + 100 * MIB, kept_bytes=10 * GIB, total_bytes=100 * GIB)
FEW = Room(
    free_bytes=60 * GIB, kept_bytes=10 * GIB, total_bytes=100 * GIB,
    free_inodes=40, kept_inodes=50, total_inodes=1000,
)  # fmt: skip
STARTS = {
    "room": (ROOM, None, GIB, ""),
    "too little": (FULL, None, GIB, "room for 104857600 bytes"),
    "enough for a small disk": (FULL, None, 90 * MIB, ""),
    "enough for a small limit": (FULL, 90 * MIB, GIB, ""),
    "a limit that is too small": (ROOM, MIB, GIB, "at least 8388608"),
    "a limit of nothing": (ROOM, 0, GIB, "at least 8388608"),
    "no inodes": (FEW, None, GIB, "inodes"),
}


@pytest.mark.parametrize(("room", "wanted", "disk", "message"), STARTS.values(), ids=STARTS)
def test_a_start_needs_room(room, wanted, disk, message):
    found = budget.no_room(room, wanted, disk)
    assert (found is None) == (not message)
    assert message in (found or "")


def test_growth_between_two_looks():
    assert budget.growth_rate(None, 5.0, 100) is None
    assert budget.growth_rate((1.0, 0), 3.0, 100) == 50
    assert budget.growth_rate((1.0, 100), 3.0, 40) == 0
    assert budget.growth_rate((1.0, 100), 1.0, 400) is None


def test_a_verdict_of_nothing():
    assert Verdict() == Verdict(None, None, budget.LATEST_SECONDS)
