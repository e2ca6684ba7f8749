"""What a seed draws: the same again, only what the cluster can do, and all of it in time."""

import pytest

from robustness import plan, points
from robustness.faults import FAULTS, POINTS, POWER, possible
from robustness.plan import CANCEL, CRASH, DIE, Kind, Possible, Stage, draw, stages

EVERYTHING = frozenset(need for entry in FAULTS.values() for need in entry.needs)
ALL = Possible(
    faults=possible(EVERYTHING),
    launchers=("trixie", "sid", "bookworm"),
    storage_copies=True,
    points=True,
)
POOR = Possible(faults=possible(frozenset()))
SEEDS = range(600)


@pytest.fixture(scope="module")
def drawn():
    return [draw(seed, ALL) for seed in SEEDS]


def test_the_same_seed_is_the_same_run(drawn):
    assert drawn == [draw(seed, ALL) for seed in SEEDS]
    assert len(set(drawn)) == len(drawn)


def test_every_fault_and_every_kind_of_move_is_drawn(drawn):
    assert {item.fault for run in drawn for item in run.injections} == FAULTS.keys()
    moves = {run.move for run in drawn}
    assert {move.kind for move in moves} == set(Kind)
    assert {move.method for move in moves} == {
        "HostAssisted", "VolumeSnapshot", "CSIClone", "Hypervisor",
    }  # fmt: skip
    assert {move.overlay for move in moves} == {"", "NodeLocal", "Claim", "SourceVolume"}
    assert {move.disks for move in moves} == {1, 2}
    assert {move.launcher for move in moves} == {"", *ALL.launchers}


def test_a_fault_is_drawn_only_for_moves_that_it_is_for(drawn):
    for run in drawn:
        for item in run.injections:
            assert run.move.kind in FAULTS[item.fault].kinds
            assert item.point or item.stage in stages(run.move)
            assert item.point == "" or item.point in points.reachable(run.move)
            assert item.fault != DIE or item.point


def test_a_cancel_is_cancelled_and_a_guest_that_stops_is_stopped(drawn):
    for run in drawn:
        names = [item.fault for item in run.injections]
        assert len(names) == len(set(names))
        if run.move.kind is Kind.CANCEL:
            assert CANCEL in names
        assert (CRASH in names) == (run.move.kind is Kind.STOPPED)


def test_no_move_is_drawn_that_detour_refuses(drawn):
    for move in (run.move for run in drawn):
        if move.launcher == plan.OLD:
            assert move.method == "Hypervisor"
        if move.method == "Hypervisor":
            assert move.overlay == ""
            assert move.when_stopped == "Auto"
        if move.method in plan.BY_STORAGE:
            assert move.own_file_systems


def test_what_a_cluster_cannot_do_is_not_drawn():
    for seed in SEEDS:
        run = draw(seed, POOR)
        assert not run.move.launcher
        assert not run.move.own_file_systems
        for item in run.injections:
            assert FAULTS[item.fault].needs == frozenset()
            assert item.point == ""
    assert "node power loss" not in possible(EVERYTHING - {POWER})
    assert DIE not in possible(EVERYTHING - {POINTS})


def test_a_fault_comes_before_the_end():
    assert Stage.FROZEN not in stages(plan.Move(kind=Kind.LIVE, method="Hypervisor", overlay=""))
    assert stages(plan.Move(kind=Kind.OFFLINE, overlay=""))[-1] is Stage.COPIED
