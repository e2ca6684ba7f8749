"""A person's answer to a stop, on its way from the migration to the switch."""

import dataclasses

import pytest

from detour_crds.volume_migration import Trust
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage.test_decisions import IS_FROZEN
from unit.operator.storage_world import SPEC, Switch

STOP, EARLIER = "AmbiguousCommit-33334444-1", "NodeLost-33334444-1-1"
ANSWERS = (actions.SetTrust, actions.TakeTrustBack)
GIVEN = (Trust.SOURCE, STOP)


def observed(given, *, stop=STOP, passed_on=(None, None)):
    """The migration's answer, and what the switch has of it."""
    spec = dataclasses.replace(SPEC, trust=given[0], answered_stop=given[1])
    switch = Switch(at="frozen", stop=stop, trust=passed_on[0], answered_stop=passed_on[1])
    return dataclasses.replace(IS_FROZEN, spec=spec, switch=switch).observe()


def sent(given, **facts):
    seen = observed(given, **facts)
    switch = seen.switch.meta
    answers = [item for item in decide(seen).actions if isinstance(item, ANSWERS)]
    assert all(item.switch == switch for item in answers)
    return [(item.trust, item.stop) if hasattr(item, "stop") else None for item in answers]


def test_an_answer_to_the_stop_is_passed_on_once():
    assert sent(GIVEN) == [GIVEN]
    assert sent(GIVEN, passed_on=GIVEN) == []
    assert sent(GIVEN, passed_on=GIVEN, stop=None) == []


@pytest.mark.parametrize("named", [None, EARLIER, "AmbiguousCommit", "AmbiguousCommit-55556666-1"])
def test_one_that_was_there_before_the_stop_is_not(named):
    """Preset in a manifest, or given to an earlier stop, maybe of another attempt."""
    assert sent((Trust.SOURCE, named)) == []


def test_no_answer_is_passed_on_where_nothing_is_asked():
    assert sent(GIVEN, stop=None) == []


def test_an_answer_can_be_changed_and_taken_back():
    """The node agent acts by what it finds; afterwards the stop is over, and so is the answer."""
    assert sent((Trust.OVERLAY, STOP), passed_on=GIVEN) == [(Trust.OVERLAY, STOP)]
    assert sent((None, None), passed_on=GIVEN) == [None]
    assert sent((Trust.SOURCE, EARLIER), passed_on=GIVEN) == [None]
    assert sent(GIVEN, passed_on=(Trust.SOURCE, EARLIER)) == [GIVEN]


def test_an_answer_of_an_older_version_which_names_no_stop_is_taken_off():
    assert sent((Trust.SOURCE, None), passed_on=(Trust.SOURCE, None)) == [None]


@pytest.mark.parametrize("stop", [STOP, None])
def test_the_migration_names_the_stop_while_there_is_one(stop):
    seen = observed((None, None), stop=stop)
    assert status(seen, decide(seen)).stop == stop
