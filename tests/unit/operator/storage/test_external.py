"""Somebody else copies: what is published, and when his word counts."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import (
    Copied,
    CopyMethod,
    CopyMethodStatus,
    CopySpec,
    External,
    VolumeMigrationStatus,
)
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage_world import (
    DESTINATION,
    SIZE,
    SOURCE,
    SPEC,
    SWITCH_UID,
    TOKEN,
    UID,
    Switch,
    World,
    claim,
)

WANTED = dataclasses.replace(SPEC, copy=CopySpec(method=CopyMethod.EXTERNAL))
STARTED = VolumeMigrationStatus(
    start_time="2026-01-01T00:00:00Z", copy_method=CopyMethodStatus(name="External")
)
PUBLISHED = External(
    token=TOKEN, source_claim=SOURCE, destination_claim=DESTINATION, node="node", bytes=SIZE
)
WAITING = dataclasses.replace(STARTED, external=PUBLISHED)


def seen(before=WAITING, word=None, **changes):
    world = World(
        finalizer=True, spec=WANTED, status=before, claim=True, switch=Switch(at="frozen")
    )
    there = claim(DESTINATION, created_for=UID, copied_under=word)
    return dataclasses.replace(world.observe(), destination=there, **changes)


def test_what_is_frozen_is_published_first():
    decision = decide(seen(STARTED, word=TOKEN))
    assert decision.facts == {"external": PUBLISHED}
    assert not decision.actions


@pytest.mark.parametrize("word", [None, "", "other-1"])
def test_no_other_word_counts(word):
    here = seen(word=word)
    decision = decide(here)
    assert (decision.facts, decision.actions) == ({}, ())
    copied = find(status(here, decision).conditions, MigrationCondition.COPIED)
    assert (copied.status, copied.reason) == (Status.UNKNOWN, "WaitingForExternalCopy")
    assert TOKEN in copied.message


def test_his_word_counts_under_the_token_that_was_published():
    facts = decide(seen(word=TOKEN)).facts
    assert facts["copied"] == Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE)


def test_the_move_goes_on_with_the_claim_that_was_named_from_the_beginning():
    copied = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE)
    (ask,) = decide(seen(dataclasses.replace(WAITING, copied=copied))).actions
    assert ask.position is Position.DESTINATION


def test_there_is_an_end_to_waiting():
    late = dataclasses.replace(WAITING, start_time="2025-12-30T00:00:00Z")
    decision = decide(seen(late))
    assert (decision.copy_failed, decision.reason) == (True, "ExternalCopyTimedOut")


def test_another_move_to_the_same_claim_fails_the_copy():
    decision = decide(seen(rivals=("AttachmentSwitch other",)))
    assert (decision.copy_failed, decision.reason) == (True, "DestinationInUse")


def test_a_cancel_needs_nobody_elses_word():
    cancelled = dataclasses.replace(WANTED, cancel=True)
    (ask,) = decide(seen(spec=cancelled)).actions
    assert ask.position is Position.SOURCE
