"""Limits of I/O: lowered within what libvirt allows, and exactly as they were afterwards."""

import pytest

from detour_agent.domain import throttle
from detour_agent.domain.throttle import Limit, is_due, slowed, tune
from detour_agent.domain.waking import Woken, may_wake, seen_running
from detour_crds.attachment_switch import Stage, Top

MIB = 1 << 20
NOTHING = {
    f"{kind}_{what}_sec{more}": 0
    for kind in ("total", "read", "write")
    for what in ("bytes", "iops")
    for more in ("", "_max", "_max_length")
}


def changed(before, rate):
    """The limits of which the value changed."""
    after = {limit.name: limit.value for limit in slowed(tune(before), rate)}
    assert after.keys() == {*before, *after}
    return {name: value for name, value in after.items() if before.get(name, 0) != value}


CASES = {
    "none before": (NOTHING, {"write_bytes_sec": MIB, "write_iops_sec": 256}),
    "lower ones stay": ({**NOTHING, "write_bytes_sec": 4096}, {"write_iops_sec": 256}),
    "higher ones are lowered": (
        {**NOTHING, "write_bytes_sec": 9 * MIB, "write_iops_sec": 9000},
        {"write_bytes_sec": MIB, "write_iops_sec": 256},
    ),
    "bursts are taken away": (
        {**NOTHING, "write_bytes_sec": 9 * MIB, "write_bytes_sec_max": 99 * MIB,
         "write_bytes_sec_max_length": 7},
        {"write_bytes_sec": MIB, "write_iops_sec": 256, "write_bytes_sec_max": 0,
         "write_bytes_sec_max_length": 0},
    ),
    "what is common stays common": (
        {**NOTHING, "total_bytes_sec": 9 * MIB, "total_iops_sec": 10},
        {"total_bytes_sec": MIB},
    ),
    "reads are not touched": (
        {**NOTHING, "read_bytes_sec": 5, "read_iops_sec": 6},
        {"write_bytes_sec": MIB, "write_iops_sec": 256},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_what_is_lowered(before, after):
    assert changed(before, MIB) == after


def test_a_group_keeps_its_name():
    assert tune({"group_name": "g", "write_bytes_sec": 3}) == (Limit("write_bytes_sec", 3),)


def test_when_a_change_is_worth_a_call():
    before = tune(NOTHING)
    assert is_due(before, slowed(before, MIB))
    assert not is_due(slowed(before, MIB), slowed(before, MIB - MIB // 20))
    assert is_due(slowed(before, MIB), slowed(before, MIB // 2))
    assert is_due(slowed(before, MIB), before)
    assert not is_due(before, before)


def test_the_rate_that_holds():
    assert throttle.write_rate(slowed(tune(NOTHING), MIB)) == MIB
    assert throttle.write_rate(slowed(tune({**NOTHING, "total_bytes_sec": 9 * MIB}), MIB)) == MIB
    assert throttle.write_rate(tune(NOTHING)) == 0


WAKINGS = {
    "room": (Top.OVERLAY, Stage.OVERLAY, 16 * MIB, Woken(), True),
    "no room": (Top.OVERLAY, Stage.OVERLAY, 15 * MIB, Woken(), False),
    "not twice at once": (Top.OVERLAY, Stage.OVERLAY, 999 * MIB, Woken(1, 99), False),
    "more room after a failure": (Top.OVERLAY, Stage.OVERLAY, 31 * MIB, Woken(1, 0), False),
    "and some time later": (Top.OVERLAY, Stage.OVERLAY, 32 * MIB, Woken(1, 98), True),
    "ever later": (Top.OVERLAY, Stage.OVERLAY, 999 * MIB, Woken(9, 41), False),
    "within limits": (Top.OVERLAY, Stage.OVERLAY, 1024 * MIB, Woken(40, 40), True),
    "back on the source": (Top.SOURCE, Stage.CANCELLED, 0, Woken(), True),
    "on the destination": (Top.DESTINATION, Stage.DONE, 0, Woken(2, 0), True),
    "the source is full itself": (Top.SOURCE, Stage.CANCELLED, 0, Woken(3, 0), False),
    "not ours to wake": (Top.SOURCE, Stage.NONE, 999 * MIB, Woken(), False),
    "not knowing": (Top.UNKNOWN, Stage.CANCEL, 999 * MIB, Woken(), False),
    "foreign": (Top.FOREIGN, Stage.OVERLAY, 999 * MIB, Woken(), False),
}


@pytest.mark.parametrize(
    ("top", "stage", "free", "woken", "expected"), WAKINGS.values(), ids=WAKINGS
)
def test_when_a_paused_guest_may_go_on(top, stage, free, woken, expected):
    assert may_wake(top, stage, free, woken, 100.0) is expected


def test_a_guest_that_runs_was_woken_for_good():
    assert seen_running(Woken(3, 95.0), 100.0) == Woken(3, 95.0)
    assert seen_running(Woken(3, 85.0), 100.0) == Woken()
