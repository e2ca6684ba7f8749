"""What people and programs read: conditions, progress, messages, events."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Node, OverlayFile, Position
from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.volume_migration import Pauses, Phase, Progress, VolumeMigrationStatus
from detour_operator.storage_side.conditions import message_of
from detour_operator.storage_side.decision import Decision
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.news import News, news
from detour_operator.storage_side.observation import CopierProgress
from detour_operator.storage_side.status import status
from unit.operator.storage_world import NOW, SIZE, SPEC, Switch, World, condition

STARTED = VolumeMigrationStatus(
    start_time=NOW, source_claim="source", destination_claim="destination"
)
FROZEN = World(finalizer=True, claim=True, switch=Switch(at="frozen"), status=STARTED)
MERGING = dataclasses.replace(FROZEN, switch=Switch(Position.DESTINATION, "frozen"))
ENDED = dataclasses.replace(FROZEN, switch=Switch(Position.DESTINATION, "destination"))


def after(seen):
    return status(seen, decide(seen))


def with_switch_condition(seen, told):
    kept = tuple(item for item in seen.switch.status.conditions if item.type != told.type)
    changed = dataclasses.replace(seen.switch.status, conditions=(*kept, told))
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=changed))


def of(result, kind):
    return find(result.conditions, kind)


@pytest.mark.parametrize("here", [World(), FROZEN, MERGING, ENDED], ids=repr)
def test_all_conditions_are_there_in_the_order_of_the_story(here):
    assert [item.type for item in after(here.observe()).conditions] == list(MigrationCondition)


def test_everything_is_unknown_at_the_first_visit():
    told = after(World().observe())
    unknown = {item.type for item in told.conditions if item.status is Status.UNKNOWN}
    summary = {"Ready", "Reconciling", "Stalled"}
    assert unknown == set(MigrationCondition) - summary


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        pytest.param(FROZEN, ("False", "True", "Unknown"), id="under way"),
        pytest.param(ENDED, ("True", "False", "True"), id="succeeded"),
        pytest.param(
            dataclasses.replace(FROZEN, switch=Switch(Position.SOURCE, "source")),
            ("False", "False", "False"),
            id="cancelled",
        ),
    ],
)
def test_the_summary(here, expected):
    told = after(here.observe())
    kinds = (
        MigrationCondition.READY,
        MigrationCondition.RECONCILING,
        MigrationCondition.SUCCEEDED,
    )
    assert tuple(of(told, kind).status for kind in kinds) == expected
    for_ever = expected[-1] == "False"
    assert (of(told, MigrationCondition.STALLED).status is Status.TRUE) is for_ever


def test_an_end_without_success_is_told_once():
    undone = dataclasses.replace(FROZEN, switch=Switch(Position.SOURCE, "source"))
    told = after(undone.observe()).conditions
    assert [item.reason for item in news((), told)] == ["Cancelled"]


def test_a_stalled_switch_stalls_the_migration_with_its_words():
    stalled = condition("Stalled", True, "GuestStopped", "keep everything")
    told = after(with_switch_condition(MERGING.observe(), stalled))
    for kind in (MigrationCondition.STALLED, MigrationCondition.READY):
        assert (of(told, kind).reason, of(told, kind).message) == (
            "GuestStopped",
            "keep everything",
        )
    assert of(told, MigrationCondition.RECONCILING).status is Status.FALSE


@pytest.mark.parametrize("kind", ["Locked", "SourceFrozen", "SourceReleased", "HandedOver"])
def test_the_switchs_own_conditions_are_passed_on(kind):
    told = condition(kind, True, "SomeReason", "some words")
    found = find(after(with_switch_condition(MERGING.observe(), told)).conditions, kind)
    assert (found.status, found.reason, found.message) == ("True", "SomeReason", "some words")


def test_what_the_switch_told_last_stays_once_it_is_gone():
    first = after(ENDED.observe())
    gone = dataclasses.replace(ENDED, status=first, switch=None, vm="destination").observe()
    undone = tuple(item for item in first.conditions if item.type != "Succeeded")
    seen = dataclasses.replace(gone, status=dataclasses.replace(first, conditions=undone))
    assert find(after(seen).conditions, "SourceReleased").status is Status.TRUE


def test_a_refusal_is_told_as_it_is():
    refused = dataclasses.replace(World(finalizer=True), switch=Switch(at="refused"))
    told = after(refused.observe())
    accepted = of(told, MigrationCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.FALSE, "InstanceNotRunning")
    assert of(told, MigrationCondition.READY).message == accepted.message
    assert of(told, MigrationCondition.SUCCEEDED).reason == "InstanceNotRunning"


def test_times_change_with_the_status_only():
    first = after(FROZEN.observe())
    later = dataclasses.replace(
        dataclasses.replace(FROZEN, status=first).observe(), now="2027-01-01T00:00:00Z"
    )
    assert {item.last_transition_time for item in after(later).conditions} == {NOW}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            CopierProgress(bytes_done=250, bytes_total=1000, bytes_per_second=100),
            Progress(
                percent=25, bytes_done=250, bytes_total=1000, bytes_per_second=100, eta_seconds=8
            ),
            id="a quarter",
        ),
        pytest.param(
            CopierProgress(bytes_done=0, bytes_total=1000, bytes_per_second=0),
            Progress(percent=0, bytes_done=0, bytes_total=1000, bytes_per_second=0),
            id="no rate yet: no estimate",
        ),
        pytest.param(
            CopierProgress(bytes_done=2000, bytes_total=1000, bytes_per_second=100),
            Progress(
                percent=100, bytes_done=1000, bytes_total=1000, bytes_per_second=100, eta_seconds=0
            ),
            id="never more than all",
        ),
    ],
)
def test_progress_is_whole_numbers(told, expected):
    here = dataclasses.replace(FROZEN, job="running", copier=True)
    seen = dataclasses.replace(here.observe(), progress=told)
    assert after(seen).progress == dataclasses.replace(expected, advanced_time=NOW)


@pytest.mark.parametrize(("done", "since"), [(250, "2025-01-01T00:00:00Z"), (251, NOW)])
def test_when_the_copy_got_on_last(done, since):
    known = Progress(percent=25, bytes_done=250, advanced_time="2025-01-01T00:00:00Z")
    here = dataclasses.replace(
        FROZEN, job="running", copier=True, status=dataclasses.replace(STARTED, progress=known)
    )
    told = CopierProgress(bytes_done=done, bytes_total=1000, bytes_per_second=1)
    seen = dataclasses.replace(here.observe(), progress=told, copy_limit_seconds=1e12)
    assert after(seen).progress.advanced_time == since


def test_progress_stays_where_nothing_new_was_said():
    known = Progress(percent=25)
    here = dataclasses.replace(
        FROZEN, job="running", copier=True, status=dataclasses.replace(STARTED, progress=known)
    )
    assert after(here.observe()).progress == known


def test_all_is_copied_once_it_is():
    told = after(dataclasses.replace(FROZEN, job="complete").observe())
    assert told.progress == Progress(percent=100, bytes_done=SIZE, bytes_total=SIZE, eta_seconds=0)
    assert of(told, MigrationCondition.COPIED).status is Status.TRUE
    assert told.copied_time == NOW


def test_the_agents_numbers_are_passed_on():
    seen = MERGING.observe()
    node = Node(
        token=seen.switch.status.node.token,
        overlay=OverlayFile(name="overlay", bytes=7),
        pauses=Pauses(start_milliseconds=3),
    )
    changed = dataclasses.replace(seen.switch.status, node=node)
    seen = dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=changed))
    told = after(seen)
    assert (told.overlay.bytes, told.pauses.start_milliseconds, told.node) == (7, 3, "node")


def test_the_copy_method_says_why_and_why_not_the_others():
    method = after(World(finalizer=True).observe()).copy_method
    assert (method.name, bool(method.reason)) == ("HostAssisted", True)
    assert {item.name: item.reason for item in method.refused} == {
        "VolumeSnapshot": "DriverNotCSI",
        "CSIClone": "DriverNotCSI",
        "External": "NotAsked",
        "Hypervisor": "NotAsked",
    }


def test_success_says_where_the_disk_is_and_that_the_source_is_kept():
    ready = of(after(ENDED.observe()), MigrationCondition.READY)
    assert ready.message == "the disk is on the claim destination; the source claim source is kept"


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_a_sentence_where_nothing_else_is_said(phase):
    silent = Decision(phase=phase, reason="Somehow")
    assert len(message_of(World().observe(), silent, phase).split()) > 3


def test_a_switch_that_failed_without_a_word_ends_the_migration_with_one():
    undone = dataclasses.replace(FROZEN, switch=Switch(Position.FROZEN, "source"))
    silent = condition("Ready", False, "DestinationFailed", message="")
    told = after(with_switch_condition(undone.observe(), silent))
    ready = of(told, MigrationCondition.READY)
    assert (told.phase, ready.reason) == (Phase.FAILED, "DestinationFailed")
    assert "source claim" in ready.message


def test_an_ended_migration_is_left_as_it_is():
    first = after(ENDED.observe())
    seen = dataclasses.replace(ENDED, status=first, spec=dataclasses.replace(SPEC, hold=True))
    assert after(seen.observe()) is first


def turn(kind, before, now, reason="Why"):
    return (
        [Condition(type=kind, status=before, reason="Before")],
        [Condition(type=kind, status=now, reason=reason, message="words")],
    )


@pytest.mark.parametrize(
    ("kind", "now", "reason", "expected"),
    [
        ("SourceFrozen", Status.TRUE, "Why", News("SourceFrozen", "words", False)),
        ("Copied", Status.TRUE, "Why", News("Copied", "words", False)),
        ("Copied", Status.FALSE, "NoSpaceLeft", News("CopyFailed", "NoSpaceLeft: words", True)),
        ("SourceReleased", Status.TRUE, "Why", News("SourceReleased", "words", False)),
        ("Succeeded", Status.TRUE, "Succeeded", News("Succeeded", "words", False)),
        ("Succeeded", Status.FALSE, "Cancelled", News("Cancelled", "words", False)),
        ("Succeeded", Status.FALSE, "CopyFailed", News("Failed", "CopyFailed: words", True)),
        ("Accepted", Status.FALSE, "Busy", News("Refused", "Busy: words", True)),
        ("Stalled", Status.TRUE, "GuestStopped", News("Stalled", "GuestStopped: words", True)),
    ],
)
def test_turns_that_are_news(kind, now, reason, expected):
    assert news(*turn(kind, Status.UNKNOWN, now, reason)) == (expected,)


def test_nothing_is_told_twice():
    _, now = turn("Stalled", Status.UNKNOWN, Status.TRUE)
    assert news(now, now) == ()


def test_an_overlay_near_its_limit_is_told_and_its_end_is_not():
    _, frozen = turn("SourceFrozen", Status.UNKNOWN, Status.TRUE, "Frozen")
    _, near = turn("SourceFrozen", Status.TRUE, Status.TRUE, "OverlayNearLimit")
    _, slowed = turn("SourceFrozen", Status.TRUE, Status.TRUE, "OverlayThrottled")
    assert news((), frozen) == (News("SourceFrozen", "words", warning=False),)
    assert news(frozen, near) == (News("OverlayNearLimit", "words", warning=True),)
    assert news(near, slowed) == (News("OverlayThrottled", "words", warning=True),)
    assert news(slowed, frozen) == ()


def test_while_it_is_copied_the_message_tells_of_the_overlay():
    here = dataclasses.replace(FROZEN, job="running", copier=True).observe()
    told = Condition(
        type="SourceFrozen", status=Status.TRUE, reason="OverlayThrottled", message="slowly"
    )
    found = of(after(with_switch_condition(here, told)), "Reconciling")
    assert found.message == "the frozen source is being copied; slowly"
