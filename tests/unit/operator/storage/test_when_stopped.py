"""``spec.whenStopped`` as it is now is what counts, on both sides."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.volume_migration import CopyMethod, CopySpec, WhenStopped
from detour_operator.storage_side.actions import DeleteSwitch, SetWhenStopped
from detour_operator.storage_side.decisions import decide
from unit.operator.storage.test_decisions import FROZEN, IS_FROZEN, SUCCEEDED, world
from unit.operator.storage_world import SPEC, Switch, condition

AUTO, FINISH, CANCEL = WhenStopped.AUTO, WhenStopped.FINISH, WhenStopped.CANCEL
ENDED = condition("Ready", False, "GuestStopped", "what it wrote is on the source")


def wanting(when, here=IS_FROZEN, switch_has=AUTO, **changes):
    seen = dataclasses.replace(
        here, spec=dataclasses.replace(SPEC, when_stopped=when, **changes)
    ).observe()
    told = dataclasses.replace(seen.switch.spec, when_stopped=switch_has)
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, spec=told))


def sets(seen):
    return [item for item in decide(seen).actions if isinstance(item, SetWhenStopped)]


@pytest.mark.parametrize(
    ("before", "now"), [(AUTO, FINISH), (AUTO, CANCEL), (FINISH, AUTO), (CANCEL, FINISH)]
)
@pytest.mark.parametrize("at", ["new", "locked", "frozen", "mirrored"])
def test_a_change_reaches_the_switch_first(before, now, at):
    seen = wanting(now, world(switch=Switch(at=at)), switch_has=before)
    decision = decide(seen)
    assert decision.actions[0] == SetWhenStopped(seen.switch.meta, now)
    assert decision.phase == decide(wanting(now, world(switch=Switch(at=at)), now)).phase


@pytest.mark.parametrize("when", WhenStopped)
def test_what_the_switch_has_is_not_set_again(when):
    assert sets(wanting(when, switch_has=when)) == []


LATE = {
    "ended on the source": world(switch=Switch(Position.SOURCE, "source")),
    "ended on the destination": world(switch=Switch(Position.DESTINATION, "destination")),
    "going": world(switch=Switch(at="frozen", deleting=True)),
    "the migration has ended": world(status=SUCCEEDED),
}


@pytest.mark.parametrize("here", LATE.values(), ids=LATE)
def test_a_switch_that_is_over_is_left_as_it_is(here):
    assert sets(wanting(FINISH, here)) == []


def test_without_a_frozen_source_nothing_can_be_finished():
    """Where the API server lets that through: its schema may be older than the operator."""
    by_qemu = CopySpec(method=CopyMethod.HYPERVISOR)
    assert sets(wanting(FINISH, copy=by_qemu)) == []
    assert sets(wanting(CANCEL, copy=by_qemu)) != []


def back(when):
    seen = wanting(when, world(switch=Switch(at="source")))
    told = dataclasses.replace(seen.switch.status, conditions=(ENDED,))
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=told))


@pytest.mark.parametrize("when", [AUTO, FINISH])
def test_a_switch_that_went_back_before_it_heard_of_the_change_is_started_again(when):
    decision = decide(back(when))
    assert (decision.phase, decision.actions) == (
        "Preparing",
        (DeleteSwitch(back(when).switch.meta),),
    )


def test_who_wants_a_cancel_gets_it_whatever_the_switch_had():
    decision = decide(back(CANCEL))
    assert (decision.phase, decision.reason) == ("Cancelled", "GuestStopped")
    assert FROZEN.seen().spec.when_stopped is AUTO
