"""Every world that can be reached keeps the contract, and from each the move comes to an end."""

import dataclasses

import pytest

from detour_crds.volume_migration import CopySpec, Verify
from unit.operator.storage_world import ONTO_CLAIM, OVERWRITE, World

pytestmark = pytest.mark.thorough

STARTS = {
    "a plain move": World(),
    "a move whose namespace is deleted": World(may_end=True),
    "a move that holds": World(
        spec=dataclasses.replace(World().spec, hold=True),
    ),
    "a move that is verified": World(
        spec=dataclasses.replace(World().spec, copy=CopySpec(verify=Verify.CHECKSUM)),
    ),
    "onto an empty claim": World(spec=ONTO_CLAIM, claim=True),
    "onto a claim that may be overwritten": World(spec=OVERWRITE, claim=True, data="foreign"),
}
REFUSED = World(spec=ONTO_CLAIM, claim=True, data="foreign")


def explore(start):
    """Every world that can be reached, with what follows from it without an accident."""
    fair, todo = {}, [start]
    while todo:
        here = todo.pop()
        if here in fair:
            continue
        here.check()
        passes = [] if here.gone else here.passes()
        fair[here] = ({*passes[-1:]} | here.fair()) - {here}
        todo += [*passes, *here.fair(), *here.accidents()]
    return fair


@pytest.fixture(params=STARTS.values(), ids=STARTS.keys(), scope="module")
def worlds(request):
    return explore(request.param)


def test_every_reachable_world_keeps_the_contract(worlds):
    assert len(worlds) > 300, "the world has become too small to mean anything"


def test_from_every_world_the_move_comes_to_its_end(worlds):
    """Without further accidents, whatever happened before; a hold waits for its user."""
    good = {world for world in worlds if world.gone}
    good |= {world for world in worlds if world.ended() is not None and not world.deleting}
    good |= {world for world in worlds if world.spec.hold and world.status.phase == "Holding"}
    before = {}
    for world, nexts in worlds.items():
        for after in nexts:
            before.setdefault(after, set()).add(world)
    todo = list(good)
    while todo:
        for world in before.get(todo.pop(), ()):
            if world not in good:
                good.add(world)
                todo.append(world)
    stuck = sorted((repr(world) for world in worlds if world not in good), key=len)
    assert not stuck, stuck[:5]


def test_a_migration_that_is_gone_leaves_no_switch(worlds):
    gone = [world for world in worlds if world.gone]
    assert gone
    assert not [world for world in gone if world.switch]


def test_both_ends_are_reached(worlds):
    ends = {world.status.phase for world in worlds if world.ended() is not None}
    assert ends == {"Succeeded", "Cancelled", "Failed"}


def test_somebodys_data_is_never_written_over():
    worlds = explore(REFUSED)
    assert {world.data for world in worlds} == {"foreign"}
    ends = {world.status.phase for world in worlds if world.ended() is not None}
    assert ends == {"Cancelled", "Failed"}
    assert any(world.looks and world.copier for world in worlds)
