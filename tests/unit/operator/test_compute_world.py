"""Everything that can happen to a switch, enumerated: no order too early, no unlock too early.

From each situation that can be reached, without further accidents, the switch comes to its end.
"""

import dataclasses

import pytest

from detour_crds.attachment_switch import (
    AttachmentSwitchStatus,
    Compute,
    Handover,
    Order,
    Position,
)
from detour_operator.compute_side import actions
from unit.operator.compute_world import (
    CREATIONS,
    D,
    S,
    Stage,
    World,
    operator,
    stalls,
    truth,
    wakes,
)

PLAIN = World()
pytestmark = pytest.mark.thorough

STARTS = {
    "without accidents": (PLAIN, 0, True),
    "plain": (PLAIN, 1, True),
    "it had the strategy Migration": (World(strategy="Migration"), 1, True),
    "no permission to impersonate": (World(permitted=False), 1, True),
    "the namespace is deleted": (World(may_end=True), 1, True),
    "two accidents": (PLAIN, 2, True),
}
"""A start, how many accidents there may be, and whether an operator may write late."""


def explore(start, accidents, *, late):
    """Every world that can be reached, with the worlds that follow without an accident."""
    forward, todo = {}, [start]
    while todo:
        here = todo.pop()
        if here in forward:
            continue
        done = {world for effect, world in checked(here, operator(here))}
        fair = (done | here.agent() | here.others()) - {here}
        woken = wakes(here)
        if woken:
            check(here, *woken)
            fair.add(woken[1])
        forward[here] = fair
        todo += fair | here.caller() | here.accidents_from_here(accidents)
        if late:
            todo += stalls(here)
    return forward


def checked(before, effects):
    for effect, after in effects:
        check(before, effect, after)
        assert not (before.ending and isinstance(effect, CREATIONS))
        if before.order is not Order.NONE and after.ended and not before.ended:
            # Only of a fresh look: a guest that is lost right after it is KubeVirt's to bear.
            # A machine that waits for its restart is free to restart anyway.
            free = before.position is Position.DESTINATION
            assert before.alive or not before.qemu or free
        before = after
    return effects


def check(before, effect, after):
    """What must hold when the operator's write arrives, whatever it was decided from."""
    if isinstance(effect, AttachmentSwitchStatus):
        check_order(before, after)
        check_position(before, after)
        if before.compute.locked and not after.compute.locked:
            check_unlock(before, after)
        return
    match effect:
        case actions.HandInstance(old, new):
            there = (Order.MIRRORED, Order.DESTINATION)
            assert before.fence
            assert before.strategy == ""
            assert {old, new} == {S, D}
            assert before.order is not Order.NONE
            assert new == S or before.order in there
            assert new == D or truth(before.stage) != D
        case actions.HandMachine(_, new, live):
            assert truth(before.stage) == D == new
            assert not live or not before.alive or before.instance == D
        case actions.PutStrategyBack():
            assert before.machine == S
            assert before.instance == S or not before.alive
            assert truth(before.stage) == S
        case actions.DeleteHolder():
            assert truth(before.stage) == S
        case actions.CreateFinisher():
            assert not before.alive
            assert not before.qemu
        case actions.RemoveFinalizer():
            assert before.ended


def check_order(before, after):
    if before.order is after.order:
        return
    assert before.compute.locked
    assert before.compute.lock_proven or before.ending
    assert before.heard_of_lock or before.ending
    match after.order:
        case Order.OVERLAY:
            assert before.order is Order.NONE
            assert before.wanted is not Position.SOURCE
            assert not before.deleting
            assert before.strategy == ""
            assert not before.live_migration
            assert before.holder == "running"
        case Order.MIRRORED:
            assert before.order is Order.OVERLAY
            assert before.wanted is Position.DESTINATION
            assert before.holder == "running"
            assert truth(before.stage) == "overlay"
        case Order.DESTINATION:
            assert before.wanted is Position.DESTINATION
            if before.told_qemu or before.alive:
                assert before.order is Order.MIRRORED
                permitted = before.compute.handover is not Handover.NOT_PERMITTED
                assert before.instance == (D if permitted else S)
                assert not before.migrated
        case Order.SOURCE:
            promised = before.told is Stage.REFUSED
            assert before.order is not Order.DESTINATION or promised
            assert before.instance == S or not before.alive
            assert not before.fence
            assert not before.migrated or not before.alive
        case Order.NONE:
            pytest.fail("an order is never taken back")


def check_position(before, after):
    if before.position is after.position:
        return
    match after.position:
        case Position.FROZEN:
            assert truth(before.stage) == "overlay"
        case Position.DESTINATION:
            assert truth(before.stage) == D == before.machine
        case Position.SOURCE:
            assert after.let_go or truth(before.stage) == S == before.machine


def check_unlock(before, after):
    if before.order is Order.NONE:
        assert before.stage is Stage.NONE
        assert not before.fence
        return
    where = truth(before.stage)
    assert before.finisher == ()
    if after.let_go:
        assert before.ending
        assert not before.alive
        assert not before.qemu
        return
    assert where in (S, D)
    assert before.marked == (where == D)
    assert before.filled == (where == D)
    assert before.machine == where
    assert not before.fence
    assert not before.migrated or not before.alive
    assert before.instance == where or not before.alive
    assert after.position in (Position.SOURCE, Position.DESTINATION)


@pytest.fixture(params=STARTS.values(), ids=STARTS.keys(), scope="module")
def reached(request):
    start, accidents, late = request.param
    return explore(start, accidents, late=late)


def test_every_situation_comes_to_its_end(reached):
    """Without further accidents, or until it waits for its caller."""
    ends = {world for world in reached if at_rest(world)}
    back = {}
    for world, following in reached.items():
        for after in following:
            back.setdefault(after, set()).add(world)
    arriving, todo = set(ends), list(ends)
    while todo:
        for world in back.get(todo.pop(), ()):
            if world not in arriving:
                arriving.add(world)
                todo.append(world)
    stuck = set(reached) - arriving
    assert not stuck, f"{len(stuck)} of {len(reached)}, such as {min(stuck, key=repr)}"


def at_rest(world):
    """Ended as was asked for, or frozen and waiting for its caller."""
    if world.deleting:
        return world.gone
    if world.ended:
        return True
    return world.position is Position.FROZEN and world.wanted is Position.FROZEN


def test_an_end_leaves_nothing_behind(reached):
    ends = [world for world in reached if world.ended and not world.let_go]
    assert {world.position for world in ends} == {Position.SOURCE, Position.DESTINATION}
    for world in ends:
        where = S if world.position is Position.SOURCE else D
        assert truth(world.stage) == where == world.machine
        assert world.strategy in (("", "Migration") if where == S else ("Migration", ""))
        assert not world.migrated or not world.alive


def test_a_cancel_before_any_order_never_has_the_node_act(reached):
    for world in reached:
        if world.order is Order.NONE:
            assert world.stage is Stage.NONE
            assert world.machine == world.instance == S


def test_the_lock_is_restored_before_anything_else():
    taken = dataclasses.replace(
        PLAIN,
        finalizer=True,
        stage=Stage.READY,
        compute=Compute(attempt=1, order=Order.MIRRORED, locked=False, lock_proven=True),
    )
    ((effect, after),) = operator(taken)
    assert isinstance(effect, AttachmentSwitchStatus)
    assert after.compute.locked
    assert not after.compute.lock_proven
