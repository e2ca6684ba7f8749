"""What people and programs read of a plan."""

import dataclasses

import pytest

from detour_crds.conditions import PlanCondition, Status, find
from detour_crds.volume_migration_plan import (
    MOST_DISKS,
    MOST_WORDS,
    Counts,
    DiskState,
    PlanBytes,
    VolumeMigrationPlanStatus,
    WindowStatus,
)
from detour_operator.plans.decision import Decision
from detour_operator.plans.decisions import decide
from detour_operator.plans.news import news
from detour_operator.plans.observation import SeenClaim
from detour_operator.plans.status import bytes_of, counts, eta_seconds, status
from unit.operator.plans.seen import GIB, META, machine, migration, observed, ready, spec

MANY = (
    "copying", "queued", "refused", "moved", "already there", "failed", "cancelled", "stalled",
)  # fmt: skip


def seen(*states, waiting=0, **given):
    names = [f"m{number}" for number in range(len(states) + waiting)]
    made = [migration(state, name) for state, name in zip(states, names, strict=False)]
    return observed(*map(machine, names), migrations=made, **given)


def test_each_disk_counts_once():
    found = decide(seen(*MANY, waiting=2)).disks
    assert counts(found) == Counts(
        total=10, waiting=2, moving=3, succeeded=1, failed=1, refused=1, skipped=2
    )
    assert bytes_of(found) == PlanBytes(total=8 * GIB, done=GIB + GIB // 4)


@pytest.mark.parametrize(
    ("states", "waiting", "seconds"),
    [
        # A GiB in 100 s each, two at a time: three and three quarters are left.
        (("moved", "copying", "holding"), 2, 375 // 2),
        (("copying",), 0, 768),
        (("holding",), 3, None),
        (("moved",), 3, None),
        (("moved", "refused"), 0, None),
    ],
)
def test_how_long_it_takes_by_what_was_measured(states, waiting, seconds):
    found = eta_seconds(decide(seen(*states, waiting=waiting)).disks)
    assert found == seconds or abs(found - seconds) <= 1


def test_a_disk_says_where_it_stands():
    told = status(seen("refused"), decide(seen("refused"))).disks
    (disk,) = told
    assert (disk.virtual_machine, disk.volume, disk.state) == ("m0", "data", DiskState.REFUSED)
    assert (disk.reason, disk.message) == ("LauncherTooOld", "because")
    assert disk.migration.startswith("all-m0-data-")
    assert (disk.source_storage_class, disk.destination_storage_class) == ("slow", "fast")
    assert disk.bytes == GIB


def test_those_that_ask_for_somebody_are_named_first():
    looked = seen(*MANY, waiting=1)
    told = [disk.state for disk in status(looked, decide(looked)).disks]
    assert told == sorted(told, key=list(DiskState).index)
    assert told[0] is DiskState.FAILED


def test_the_list_has_an_end_and_says_so():
    there = [machine(f"m{number:04}") for number in range(MOST_DISKS + 7)]
    looked = observed(*there, migrations=[migration("refused", there[-1].name)])
    told = status(looked, decide(looked))
    assert len(told.disks) == MOST_DISKS
    assert told.disks_left_out == 7
    assert told.disks[0].state is DiskState.REFUSED
    assert told.counts.total == MOST_DISKS + 7


def test_words_are_cut():
    long = ready("LauncherTooOld", "x" * 5000)
    looked = observed(machine("web"), migrations=[migration("refused", ready=long)])
    (disk,) = status(looked, decide(looked)).disks
    assert len(disk.message) == MOST_WORDS


def test_it_began_when_it_was_looked_at_first_and_ended_once():
    first = status(seen("copying"), decide(seen("copying")))
    assert (first.start_time, first.completion_time) == ("2026-01-01T10:00:00Z", None)
    later = dataclasses.replace(seen("moved", status=first), now="2026-01-01T11:00:00Z")
    last = status(later, decide(later))
    assert (last.start_time, last.completion_time) == (first.start_time, later.now)


def test_what_has_ended_is_told_for_each_generation():
    """kstatus takes a status of an older one for one that is still to come."""
    over = status(seen("moved"), decide(seen("moved")))
    changed = dataclasses.replace(META, generation=2)
    later = dataclasses.replace(seen("moved", status=over), meta=changed)
    told = status(later, decide(later))
    assert told.observed_generation == 2
    assert {item.observed_generation for item in told.conditions} == {2}
    same = dataclasses.replace(told, observed_generation=1, conditions=over.conditions)
    assert same == over
    assert status(seen("moved", status=over), decide(seen("moved", status=over))) is over


def test_windows_are_shown():
    window = WindowStatus(open=True, until="2026-01-01T12:00:00Z")
    looked = seen("copying", window=window)
    assert status(looked, decide(looked)).window == window


def test_an_event_is_written_where_the_reason_turns():
    paused = seen("queued", spec=spec(paused=True))
    before = status(paused, decide(paused)).conditions
    assert news((), before).reason == "Paused"
    assert news(before, before) is None
    again = status(seen("copying"), decide(seen("copying"))).conditions
    told = news(before, again)
    assert (told.reason, told.warning) == ("Moving", False)
    for state, warning in (("failed", True), ("moved", False)):
        after = status(seen(state), decide(seen(state))).conditions
        assert news(again, after).warning is warning
    cancelled = seen("cancelled", spec=spec(cancel=True))
    assert not news(again, status(cancelled, decide(cancelled)).conditions).warning


def test_a_decision_that_says_nothing_changes_nothing():
    old = VolumeMigrationPlanStatus(counts=Counts(total=3))
    deleting = dataclasses.replace(META, deleting=True)
    assert status(observed(meta=deleting, status=old), Decision(phase=None)) is old


def test_bytes_of_what_is_not_bound_yet_are_those_asked_for():
    claims = {"web-data": SeenClaim(storage_class="slow", bytes=7)}
    looked = observed(machine("web"), claims=claims)
    assert status(looked, decide(looked)).bytes == PlanBytes(total=7, done=0)
    ready_ = find(status(looked, decide(looked)).conditions, PlanCondition.READY)
    assert ready_.status is Status.FALSE
