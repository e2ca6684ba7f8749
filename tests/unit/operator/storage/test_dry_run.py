"""A dry run: what it creates, what it tells, and that nothing of it stays."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import Phase
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage_world import DESTINATION, SPEC, Switch, World, condition

DRY = World(spec=dataclasses.replace(SPEC, dry_run=True), finalizer=True)


def with_switch(reason="", is_true=False, deleting=False, **changes):
    """What is seen with the dry run's switch and its answer."""
    start = dataclasses.replace(DRY, **changes)
    (create,) = decide(dataclasses.replace(start, spec=DRY.spec, deleting=False).observe()).actions
    told = (condition("Accepted", is_true, reason, "words"),) if reason else ()
    seen = dataclasses.replace(start, switch=None).observe()
    meta = dataclasses.replace(seen.meta, uid="switch", deleting=deleting)
    switch = plain_switch(meta, create.spec, told)
    return dataclasses.replace(seen, switch=switch, surroundings=None)


def plain_switch(meta, spec, told):

    there = Switch().seen()
    return dataclasses.replace(
        there, meta=meta, spec=spec, status=dataclasses.replace(there.status, conditions=told)
    )


def test_no_claim_is_made_and_the_switch_may_only_look():
    (create,) = decide(DRY.observe()).actions
    assert isinstance(create, actions.CreateSwitch)
    assert create.spec.dry_run is True
    assert create.spec.position is Position.FROZEN
    assert create.spec.destination.claim_name == DESTINATION


def test_the_storage_sides_own_checks_come_first():
    seen = DRY.observe()
    around = dataclasses.replace(seen.surroundings, storage_class_exists=False)
    decision = decide(dataclasses.replace(seen, surroundings=around))
    assert (decision.reason, decision.actions) == ("StorageClassNotFound", ())


ANSWERS = {
    "not answered yet": (with_switch(), Phase.PREPARING, []),
    "refused": (with_switch("LauncherTooOld"), Phase.REFUSED, []),
    "passed": (with_switch("DryRunPassed", is_true=True), Phase.SUCCEEDED, ["DeleteSwitch"]),
    "an answer to something else": (with_switch("Accepted", is_true=True), Phase.PREPARING, []),
    "cancelled": (
        with_switch(spec=dataclasses.replace(DRY.spec, cancel=True)),
        Phase.CANCELLING,
        ["DeleteSwitch"],
    ),
    "the switch is going": (with_switch(deleting=True), Phase.CANCELLING, []),
}


@pytest.mark.parametrize(("seen", "phase", "acts"), ANSWERS.values(), ids=ANSWERS)
def test_answer(seen, phase, acts):
    decision = decide(seen)
    assert decision.phase is phase
    assert [type(action).__name__ for action in decision.actions] == acts


def test_what_is_told_of_a_dry_run_that_passed():
    seen = with_switch("DryRunPassed", is_true=True)
    told = status(seen, decide(seen)).conditions
    for kind in (MigrationCondition.READY, MigrationCondition.SUCCEEDED):
        found = find(told, kind)
        assert (found.status, found.reason) == (Status.TRUE, "DryRunPassed")
        assert "nothing was changed" in found.message
    accepted = find(told, MigrationCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.TRUE, "DryRunPassed")


def test_the_switch_goes_even_if_the_operator_ended_before_it_deleted_it():
    seen = with_switch("DryRunPassed", is_true=True)
    ended = dataclasses.replace(seen, status=status(seen, decide(seen)))
    assert [type(action).__name__ for action in decide(ended).actions] == ["DeleteSwitch"]
    gone = dataclasses.replace(ended, switch=None)
    assert (decide(gone).actions, decide(gone).after) == ((), None)
