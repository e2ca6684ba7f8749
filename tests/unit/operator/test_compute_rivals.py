"""Recovery rule R12: of two switches of one virtual machine at most one is under way."""

import dataclasses
import itertools

import pytest

from detour_crds.attachment_switch import Compute, Order
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Proof, Rival
from unit.operator.compute_switches import RECORDED, TOKEN, seen

CREATED = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
START = dataclasses.replace(
    RECORDED, locked=False, lock_proven=False, strategy_before=None, order=Order.NONE
)


def observe(pair, own, *, paused, refused):
    """What one of the two sees, the other being as it is."""
    other = pair[1 - own]
    rival = Rival(
        name=f"move-{1 - own}",
        uid=str(1 - own),
        created=CREATED[1 - own],
        locked=bool(other.locked),
        ordered=other.order is not Order.NONE,
        refused=refused and not other.locked,
    )
    changes = {name: getattr(pair[own], name) for name in Compute.__dataclass_fields__}
    return seen(
        compute=changes,
        node={},
        switch={"uid": str(own), "created": CREATED[own]},
        instance={"fence": TOKEN if pair[own].lock_proven else None, "paused": paused},
        holder=None if pair[own].lock_proven else Nothing.ABSENT,
        budget=None if pair[own].lock_proven else Nothing.ABSENT,
        rivals=(rival,),
        proof=Proof(bites=True) if pair[own].locked else Nothing.ABSENT,
    )


def successors(pair, pending):
    """Either switch's pass looks, or what one decided on is written; and whether undisturbed."""
    for own in (0, 1):
        if pending[own] is None:
            for paused, refused in itertools.product((False, True), repeat=2):
                decision = decide(observe(pair, own, paused=paused, refused=refused))
                if decision.status.compute != pair[own]:
                    waiting = list(pending)
                    waiting[own] = decision.status.compute
                    yield (pair, tuple(waiting)), not paused and not refused
        else:
            written, waiting = list(pair), list(pending)
            written[own], waiting[own] = pending[own], None
            yield (tuple(written), tuple(waiting)), True


@pytest.fixture(scope="module")
def worlds():
    first = ((START, START), (None, None))
    found, todo = {}, [first]
    while todo:
        here = todo.pop()
        if here in found:
            continue
        following = list(successors(*here))
        todo += [after for after, _ in following]
        found[here] = {after for after, undisturbed in following if undisturbed}
    return found


def test_never_both(worlds):
    for pair, _ in worlds:
        assert not all(compute.order is not Order.NONE for compute in pair)


def test_one_gets_through_from_everywhere(worlds):
    ends = {world for world in worlds if any(c.order is not Order.NONE for c in world[0])}
    assert {next(i for i in (0, 1) if w[0][i].order is not Order.NONE) for w in ends} == {0, 1}
    back = {}
    for world, following in worlds.items():
        for after in following:
            back.setdefault(after, set()).add(world)
    arriving, todo = set(ends), list(ends)
    while todo:
        for world in back.get(todo.pop(), ()):
            if world not in arriving:
                arriving.add(world)
                todo.append(world)
    assert arriving == set(worlds)
