"""Storage side, compute side and node agent together, in everything that can happen to a move.

``make thorough`` runs the reduced enumeration, ``make model`` the complete one as well (minutes).
"""

import collections

import pytest

from unit.model import ends, events, families
from unit.model.explore import Family, explore
from unit.model.facts import D

ENDED = (ends.SUCCEEDED, ends.BACK, ends.DELETED)
ROWS = {
    *("J1", *(f"L{number}" for number in range(22)), *(f"C{number}" for number in range(1, 12))),
    *("H1", "H2", "H3", "H4", "H5"),
    *("U1", "U2", "U4", "U6"),
    *("D0", "D3", "D4", "D5", "D6", "D7", "D9", "D11", "D12", "D13", "D14", "D15", "D16"),
    *("F2", "F3"),
    *(f"M{number}" for number in range(1, 23) if number not in (2, 12)),
}
SELDOM = {
    "D10": "guest and destination are lost, one after the other",
    "X1": "the journal is lost while the guest is on the source",
    "M2": "the journal is lost while the path names the destination",
    "F1": "somebody takes the lock off a stopped machine",
}
"""Rows that only a crash or a second accident leads to."""
NOT_REACHED = {
    "D1": "no pod acts by itself: the node agent does, on the claims of a finisher",
    "D2": "a guard: journal and guest are lost, one after the other",
    "D8": "no row of the agent's: nothing of the guest's is to be merged after `done`",
    "U3": "the compute side waits: no write tells of it, and `unlocked_blindly` checks it",
    "U5": "a guard: nobody takes an overlay that was ever in use off the disk of this world",
    "X2": "a guard: nobody pivots without the journal `pivot`",
    "X3": "a guard: nobody else has a hand in the chain of this world",
    "M12": "QEMU's own copy ends at once in this world",
    "X4": "a guard: nobody diverts without the journal `start`",
}
"""Rows of the table that the enumeration does not meet, and why."""


def check(name, family):
    """Nothing is broken or stuck, and undisturbed the move succeeds; the rows that were met."""
    found = explore(family)
    assert not found.offences, told(name, found.offences)
    stuck = ends.stuck(found.fair)
    assert not stuck, f"{name}: {len(stuck)} of {len(found.fair)} are stuck, as {stuck[0]}"
    undisturbed = ends.undisturbed(found.fair, family.start)
    reached = {ends.end_of(world) for world in undisturbed} - {None}
    assert reached == {ends.HOLDING if family.start.migration.hold else ends.SUCCEEDED}
    return found.rows


def told(name, offences):
    """How often each invariant was broken, and the shortest way there."""
    counted = collections.Counter(offence for offence, _ in offences)
    offence, way = min(offences, key=lambda item: len(item[1]))
    steps = "\n".join(map(repr, way))
    return f"{name}: {counted}; {offence} after\n{steps}"


@pytest.mark.thorough
def test_reduced_enumeration():
    met = set().union(*(check(name, family) for name, family in families.REDUCED.items()))
    assert met == ROWS


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", families.COMPLETE)
def test_complete_enumeration(name):
    met = check(name, families.COMPLETE[name])
    assert met <= ROWS | set(SELDOM)


@pytest.mark.model
@pytest.mark.timeout(1800)
def test_rows_that_are_seldom_met():
    names = (
        "the guest is lost",
        "the guest and the destination are lost",
        "the journal is lost",
        "stopped, the lock is taken off",
        "QEMU copies, the journal is lost",
    )
    met = set().union(*(check(name, families.COMPLETE[name]) for name in names))
    assert set(SELDOM) <= met
    assert not met & set(NOT_REACHED)


ANSWERED = {
    "pivots": Family(
        wishes=(events.decides,),
        accidents=(*families.LOST_GUEST, events.mirror_breaks_off),
        faults=2,
        crashes=False,
    ),
    "commits": Family(
        wishes=(events.decides, *families.CANCELS),
        accidents=(*families.LOST_GUEST, events.commit_breaks_off),
        faults=2,
        crashes=False,
    ),
    "journals": Family(
        wishes=(events.decides, *families.CANCELS),
        accidents=(*families.LOST_GUEST, events.journal_is_lost),
        faults=2,
        crashes=False,
    ),
    "switches of QEMU's own copy": Family(
        families.BY_QEMU,
        wishes=(events.decides,),
        accidents=(*families.LOST_GUEST, events.destination_breaks),
        faults=2,
        crashes=False,
    ),
    "destinations": Family(
        wishes=(events.decides,),
        accidents=(*families.LOST_GUEST, events.destination_breaks),
        faults=2,
        crashes=False,
    ),
}


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ANSWERED)
def test_every_stop_can_be_answered(name):
    """By one who knows where the guest wrote last; then no write is lost, and the move ends.

    An answer is for one stop. Only a journal that is lost after one brings another stop about.
    """
    found = explore(ANSWERED[name])
    assert not found.offences, told(name, found.offences)
    stops = [world for world in found.fair if (ends.end_of(world) or "").startswith("stopped")]
    # ForeignChain takes no answer: its cause is to be taken away, or the guest ended.
    unanswered = [world for world in stops if events.unanswered(world)]
    assert unanswered
    answered = {after for world in unanswered for after in events.decides(world)}
    steps = dict(found.fair)
    if name == "journals":
        steps |= {world: {*steps[world], *events.decides(world)} for world in unanswered}
    lost = ends.stuck(steps, good=lambda end: not end.startswith("stopped"))
    assert not answered & set(lost), next(iter(answered & set(lost)))


@pytest.mark.parametrize("name", ["the holder is lost", "the journal is lost"])
def test_an_accident_without_crashes(name):
    """The holder comes back before the mount; a rebuilt journal takes the right image for S."""
    check(name, families.quick(name))


@pytest.mark.thorough
def test_a_guest_that_is_lost_does_not_end_the_move():
    """It starts again, from the source that has everything."""
    found = explore(families.quick("the guest is lost"))
    reached = {ends.end_of(world) for world in found.fair} - {None}
    assert ends.SUCCEEDED in reached
    assert ends.BACK not in reached


def test_a_start_that_arrives_after_the_end_is_undone():
    found = explore(Family(ends.started_too_late(), crashes=False))
    assert not found.offences
    assert not ends.stuck(found.fair)
    assert {ends.end_of(world) for world in found.fair} == {None, ends.BACK}


def test_a_copy_job_that_arrives_after_the_end_never_runs():
    """Not even if the guest, whose QEMU holds its lock on the image, is stopped by then."""
    over = ends.ended(Family(crashes=False), ends.SUCCEEDED)
    late = over.alter("copying", job="suspended", number=2)
    found = explore(Family(late, accidents=families.LOST_GUEST, faults=1, crashes=False))
    assert not found.offences
    assert not any(world.copying.alive for world in found.fair)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        "the storage copies, and cancel",
        "the storage copies, and the migration is deleted",
        "the storage fails",
        "the storage copies, stopped",
    ],
)
def test_nothing_that_the_storage_made_is_left(name):
    """But for a claim that a pod keeps, which goes when that ends."""
    found = explore(families.quick(name))
    over = {world for world in found.fair if ends.end_of(world) in ENDED}
    assert over
    for world in over:
        made = world.made
        assert not made.snapshot or made.going
        assert made.bound or not made.source
        assert world.machine.claim == D or not made.source or made.overdue
