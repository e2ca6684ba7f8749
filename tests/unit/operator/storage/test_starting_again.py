"""A guest that stops again and again is not copied again and again without a pause."""

import dataclasses

import pytest

from detour_crds.volume_migration import GuestStops, VolumeMigrationStatus
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage.test_decisions import WITH_CLAIM, world
from unit.operator.storage_seen import NOW
from unit.operator.storage_world import SPEC, SWITCH_UID, Switch, condition

ENDED = condition("Ready", False, "GuestStopped", "what it wrote is on the source")


def went_back(stops=None):
    """The switch is on the source because the guest stopped."""
    here = world(switch=Switch(at="source"), status=VolumeMigrationStatus(guest_stops=stops))
    seen = here.observe()
    told = dataclasses.replace(seen.switch.status, conditions=(ENDED,))
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=told))


def waiting(count, now, **changes):
    """No switch any more; the guest stopped last at ``NOW``."""
    stops = GuestStops(count=count, switch_uid="gone", time=NOW)
    here = dataclasses.replace(
        WITH_CLAIM, status=VolumeMigrationStatus(guest_stops=stops), **changes
    )
    return dataclasses.replace(here.observe(), now=now)


def test_a_stop_is_counted_once_although_its_switch_takes_a_while_to_go():
    seen = went_back()
    first = status(seen, decide(seen))
    assert first.guest_stops == GuestStops(count=1, switch_uid=SWITCH_UID, time=NOW)
    again = dataclasses.replace(seen, status=first, now="2026-01-01T00:00:09Z")
    assert status(again, decide(again)).guest_stops == first.guest_stops


def test_each_switch_counts():
    seen = went_back(GuestStops(count=3, switch_uid="an earlier one", time=NOW))
    assert status(seen, decide(seen)).guest_stops == GuestStops(
        count=4, switch_uid=SWITCH_UID, time=NOW
    )


@pytest.mark.parametrize(
    ("count", "now", "starts"),
    [
        (1, "2026-01-01T00:00:00Z", True),
        (2, "2026-01-01T00:00:59Z", False),
        (2, "2026-01-01T00:01:01Z", True),
        (3, "2026-01-01T00:01:59Z", False),
        (3, "2026-01-01T00:02:01Z", True),
        (8, "2026-01-01T00:59:59Z", False),
        (8, "2026-01-01T01:00:01Z", True),
        (2**31 - 1, "2026-01-01T00:59:59Z", False),
        (2**31 - 1, "2026-01-01T01:00:01Z", True),
    ],
)
def test_it_waits_longer_each_time_and_an_hour_at_most(count, now, starts):
    decision = decide(waiting(count, now))
    assert bool(decision.actions) is starts
    if not starts:
        assert (decision.phase, decision.reason) == ("Pending", "GuestStoppedAgain")
        assert f"{count} times" in decision.message
        assert 0 < decision.after <= 30


def test_a_time_that_is_not_known_is_not_waited_for():
    here = waiting(5, NOW)
    unknown = dataclasses.replace(here.status.guest_stops, time=None)
    there = dataclasses.replace(here.status, guest_stops=unknown)
    assert decide(dataclasses.replace(here, status=there)).actions


def test_meanwhile_it_can_be_cancelled():
    decision = decide(
        waiting(5, "2026-01-01T00:00:01Z", spec=dataclasses.replace(SPEC, cancel=True))
    )
    assert decision.phase == "Cancelled"
