"""Storage side, compute side and node agent together, in everything that can happen to a move.

The reduced enumeration runs with every test; ``-m model`` runs the complete one (minutes).
"""

import collections

import pytest

from unit.model import ends, families
from unit.model.explore import Family, explore

ROWS = {
    *("J1", *(f"L{number}" for number in range(21)), *(f"C{number}" for number in range(1, 12))),
    *("H1", "H2", "H3", "H4", "H5"),
    *("U1", "U2", "U4", "U6"),
    *("D9",),
}
ONLY_AFTER_A_CRASH = {
    "D3": "the guest is lost between the journal `cancelled` and its report",
    "X1": "the journal is lost while the guest is on the source",
}
NOT_REACHED = {
    "U3": "the compute side waits: no write tells of it, and `unlocked_blindly` checks it",
    "U5": "a guard: nobody takes an overlay that was ever in use off the disk of this world",
    "X2": "a guard: nobody pivots without the journal `pivot`",
    "X3": "a guard: nobody else has a hand in the chain of this world",
    "X4": "a guard: nobody diverts without the journal `start`",
    "D0": "the offline form is not part of this version, nor are D1, D2, D4 to D8, D10 to D16",
    "F1": "the machine is never moved while it is stopped, nor are F2, F3",
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


def test_reduced_enumeration():
    met = set().union(*(check(name, family) for name, family in families.REDUCED.items()))
    assert met == ROWS


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", families.COMPLETE)
def test_complete_enumeration(name):
    met = check(name, families.COMPLETE[name])
    assert met <= ROWS | set(ONLY_AFTER_A_CRASH)


@pytest.mark.model
@pytest.mark.timeout(600)
def test_rows_that_only_a_crash_leads_to():
    lost = ("the guest is lost", "the journal is lost")
    met = set().union(*(check(name, families.COMPLETE[name]) for name in lost))
    assert set(ONLY_AFTER_A_CRASH) <= met
    assert not met & set(NOT_REACHED)


@pytest.mark.parametrize("name", ["the holder is lost", "the journal is lost"])
def test_an_accident_without_crashes(name):
    """The holder comes back before the mount; a rebuilt journal takes the right image for S."""
    check(name, families.quick(name))


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
