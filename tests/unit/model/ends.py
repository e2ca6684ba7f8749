"""Where a move may come to rest, and whether it can from everywhere."""

import dataclasses

from detour_crds.conditions import MigrationCondition, Status, SwitchCondition, find
from unit.model.explore import Family, explore
from unit.model.facts import NOTHING_ASKED, Migration, Switch
from unit.model.world import World

SUCCEEDED = "Succeeded on the destination"
BACK = "ended on the source"
DELETED = "deleted"
HOLDING = "waits for its user"


def end_of(world: World):
    """The name of the good end a world is at, None if the move still has to go on."""
    migration, switch = world.migration, world.switch
    if migration.gone:
        return DELETED if switch is None else _stop(switch)
    told = find(migration.status.conditions, MigrationCondition.SUCCEEDED)
    if told is not None and not migration.deleting and (switch is None or switch.ended):
        return SUCCEEDED if told.status is Status.TRUE else BACK
    if migration.hold and migration.status.copied is not None:
        return HOLDING
    return _stop(switch) if switch is not None else None


def _stop(switch):
    told = find(switch.conditions, SwitchCondition.STALLED)
    stalled = told is not None and told.status is Status.TRUE and switch.compute.locked
    return f"stopped: {told.reason}" if stalled else None


def stuck(fair, good=bool):
    """The worlds from which no good end follows without another accident, wish or crash."""
    before = {}
    for world, nexts in fair.items():
        for after in nexts:
            before.setdefault(after, []).append(world)
    leading = {world for world in fair if (end := end_of(world)) and good(end)}
    todo = list(leading)
    while todo:
        for world in before.get(todo.pop(), ()):
            if world not in leading:
                leading.add(world)
                todo.append(world)
    return [world for world in fair if world not in leading]


def undisturbed(fair, start):
    """The worlds that follow from the start by whole passes and natural events alone."""
    found, todo = {start}, [start]
    while todo:
        for after in fair[todo.pop()]:
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def ended(family, end):
    """A world in which the move has come to this end."""
    return next(world for world in explore(family).fair if end_of(world) == end)


def started_too_late():
    """Cancelled before there was a switch, whose creation arrives only then."""
    cancelled = Family(World(migration=Migration(cancel=True)), crashes=False)
    over = ended(cancelled, BACK)
    assert over.switch is None
    return dataclasses.replace(over, switch=Switch(), told=NOTHING_ASKED)
