"""The decision table of the storage side, row by row."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Node, Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import (
    Copied,
    CopyMethod,
    Progress,
    VolumeMigrationStatus,
    VolumeMode,
)
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.observation import CopierProgress, SeenCopier, SeenJob
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
    condition,
)

OTHER = "another"
COPIED = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE)
STARTED = VolumeMigrationStatus(start_time="2026-01-01T00:00:00Z")
IS_COPIED = dataclasses.replace(STARTED, copied=COPIED)
COPY_FAILED = dataclasses.replace(STARTED, conditions=(condition("Copied", False, "ReadError"),))
CANCEL = dataclasses.replace(SPEC, cancel=True)
HOLD = dataclasses.replace(SPEC, hold=True)
FROZEN = Switch(at="frozen")
SUCCEEDED = VolumeMigrationStatus(conditions=(condition("Succeeded", True),))

BEGUN = World(finalizer=True)
WITH_CLAIM = World(finalizer=True, claim=True)
IS_FROZEN = World(finalizer=True, claim=True, switch=FROZEN, status=STARTED)


def world(base=IS_FROZEN, **changes):
    return dataclasses.replace(base, **changes)


ROWS = {
    "refused once the claim is there, which is its user's to delete": (
        world(WITH_CLAIM, switch=Switch(at="refused")),
        "Refused",
        [],
    ),
    "refused, and cancelled: the claim stays": (
        world(WITH_CLAIM, switch=Switch(Position.SOURCE, "source"), spec=CANCEL),
        "Cancelled",
        [],
    ),
    "never seen: a finalizer first": (World(), "Pending", ["AddFinalizer"]),
    "deleted before the first visit: nothing": (World(deleting=True), None, []),
    "no destination: create it": (BEGUN, "Preparing", ["CreateClaim"]),
    "destination there: start": (WITH_CLAIM, "Preparing", ["CreateSwitch"]),
    "cancelled before the start": (world(BEGUN, spec=CANCEL), "Cancelled", []),
    "deleted before the start": (world(BEGUN, deleting=True), "Cancelled", []),
    "namespace deleted before the start: no claim": (world(BEGUN, ending=True), "Cancelled", []),
    "namespace deleted before the switch": (world(WITH_CLAIM, ending=True), "Cancelled", []),
    "namespace deleted while frozen: no Job": (
        world(ending=True),
        "Cancelling",
        ["SetPosition"],
    ),
    "namespace deleted while copying: the copier first": (
        world(ending=True, job="running", copier=True),
        "Cancelling",
        ["DeleteJob"],
    ),
    "namespace deleted once copied: back": (
        world(status=IS_COPIED, ending=True),
        "Cancelling",
        ["SetPosition"],
    ),
    "namespace deleted after the order Destination: on": (
        world(status=IS_COPIED, ending=True, switch=Switch(Position.DESTINATION, "ordered")),
        "Switching",
        [],
    ),
    "switch not visited yet": (world(switch=Switch()), "Preparing", []),
    "switch refused": (world(switch=Switch(at="refused")), "Refused", []),
    "frozen, not recorded": (world(status=VolumeMigrationStatus()), "Copying", []),
    "frozen: copy": (IS_FROZEN, "Copying", ["CreateJob"]),
    "copying": (world(job="running", copier=True), "Copying", []),
    "complete, a copier still there": (world(job="complete", copier=True), "Copying", []),
    "complete: record it": (world(job="complete"), "Copying", []),
    "failed: record it": (world(job="failed"), "Cancelling", []),
    "copied: complete": (world(status=IS_COPIED), "Merging", ["SetPosition"]),
    "copied, held": (world(status=IS_COPIED, spec=HOLD), "Holding", []),
    "copied under another token": (
        world(status=dataclasses.replace(STARTED, copied=Copied(switch_uid=OTHER, token=OTHER))),
        "Copying",
        ["CreateJob"],
    ),
    "cancelled while copying: the copier first": (
        world(spec=CANCEL, job="running", copier=True),
        "Cancelling",
        ["DeleteJob"],
    ),
    "cancelled, the Job gone, its copier not": (
        world(spec=CANCEL, job="deleted", copier=True),
        "Cancelling",
        [],
    ),
    "cancelled, no copier": (world(spec=CANCEL), "Cancelling", ["SetPosition"]),
    "deleted, no copier": (world(deleting=True), "Cancelling", ["SetPosition"]),
    "the copy failed for good": (world(status=COPY_FAILED), "Cancelling", ["SetPosition"]),
    "held and cancelled": (
        world(status=IS_COPIED, spec=dataclasses.replace(HOLD, cancel=True)),
        "Cancelling",
        ["SetPosition"],
    ),
    "cancel under way": (
        world(spec=CANCEL, switch=Switch(Position.SOURCE, "frozen")),
        "Cancelling",
        [],
    ),
    "the switch is being deleted": (
        world(switch=Switch(at="frozen", deleting=True)),
        "Cancelling",
        [],
    ),
    "back on the source": (
        world(spec=CANCEL, switch=Switch(Position.SOURCE, "source")),
        "Cancelled",
        [],
    ),
    "back on the source, a Job left": (
        world(spec=CANCEL, job="complete", switch=Switch(Position.SOURCE, "source")),
        "Cancelling",
        ["DeleteJob"],
    ),
    "back after a failed copy": (
        world(status=COPY_FAILED, switch=Switch(Position.SOURCE, "source")),
        "Failed",
        [],
    ),
    "back, and deleted": (
        world(deleting=True, switch=Switch(Position.SOURCE, "source")),
        "Cancelled",
        [],
    ),
    "merging": (world(switch=Switch(Position.DESTINATION, "frozen")), "Merging", []),
    "mirrored": (world(switch=Switch(Position.DESTINATION, "mirrored")), "Merging", []),
    "cancelled while merging": (
        world(spec=CANCEL, switch=Switch(Position.DESTINATION, "mirrored")),
        "Cancelling",
        ["SetPosition"],
    ),
    "held too late": (
        world(spec=HOLD, switch=Switch(Position.DESTINATION, "mirrored")),
        "Merging",
        [],
    ),
    "the pivot is ordered": (
        world(switch=Switch(Position.DESTINATION, "ordered")),
        "Switching",
        [],
    ),
    "cancelled too late": (
        world(spec=CANCEL, switch=Switch(Position.DESTINATION, "ordered")),
        "Switching",
        [],
    ),
    "deleted too late": (
        world(deleting=True, switch=Switch(Position.DESTINATION, "ordered")),
        "Switching",
        [],
    ),
    "on the destination, a Job left": (
        world(job="complete", switch=Switch(Position.DESTINATION, "destination")),
        "CleaningUp",
        ["DeleteJob"],
    ),
    "on the destination": (
        world(switch=Switch(Position.DESTINATION, "destination")),
        "Succeeded",
        [],
    ),
    "on the destination, cancelled too late": (
        world(spec=CANCEL, switch=Switch(Position.DESTINATION, "destination")),
        "Succeeded",
        [],
    ),
    "the switch is gone, the VM on the source": (world(switch=None), "Failed", []),
    "the switch is gone, the VM on the destination": (
        world(switch=None, vm=DESTINATION),
        "Succeeded",
        [],
    ),
    "the switch is gone, the VM on a claim that the disk was not moved to": (
        world(switch=None, vm=DESTINATION, moved=False),
        "Failed",
        [],
    ),
    "the switch is gone, cancelled": (world(switch=None, spec=CANCEL), "Cancelled", []),
    "the switch is gone, a copier is not": (
        world(switch=None, job="running", copier=True),
        "Cancelling",
        ["DeleteJob"],
    ),
    "ended": (world(status=SUCCEEDED), None, []),
    "ended and deleted: the switch goes first": (
        world(status=SUCCEEDED, deleting=True, switch=Switch(Position.DESTINATION, "destination")),
        None,
        ["DeleteSwitch"],
    ),
    "ended and deleted, the switch goes": (
        world(
            status=SUCCEEDED,
            deleting=True,
            switch=Switch(Position.DESTINATION, "destination", deleting=True),
        ),
        None,
        [],
    ),
    "ended and deleted, the switch is gone": (
        world(status=SUCCEEDED, deleting=True, switch=None),
        None,
        ["RemoveFinalizer"],
    ),
}


@pytest.mark.parametrize(("here", "phase", "acts"), ROWS.values(), ids=ROWS)
def test_row(here, phase, acts):
    decision = decide(here.observe())
    assert decision.phase == phase
    assert [type(action).__name__ for action in decision.actions] == acts


GONE_BACK = Switch(Position.FROZEN, "source", deleting=True)


@pytest.mark.parametrize("switch", [None, GONE_BACK], ids=["gone", "going"])
@pytest.mark.parametrize(
    ("spec", "phase", "reason"),
    [(SPEC, "Failed", "SwitchDeleted"), (CANCEL, "Cancelled", "Cancelled")],
)
def test_the_deletion_of_the_switch_has_one_name_whoever_looks_first(switch, spec, phase, reason):
    """It has ended on the source by the time that it is gone, which may be seen or not."""
    decision = decide(world(switch=switch, spec=spec).observe())
    assert (decision.phase, decision.reason) == (phase, reason)
    assert "on the source claim" in decision.message


def test_a_switch_that_was_deleted_leaves_a_machine_that_names_the_wrong_claim():
    status = dataclasses.replace(STARTED, source_claim=SOURCE)
    here = world(switch=None, vm=DESTINATION, moved=False, status=status)
    decision = decide(here.observe())
    assert decision.reason == "SwitchDeleted"
    assert f"have it name {SOURCE}" in decision.message


def test_what_is_copied_where():
    (job,) = decide(IS_FROZEN.observe()).actions
    assert job == actions.CreateJob(
        name=f"detour-copy-{UID[:8]}-1",
        switch_uid=SWITCH_UID,
        token=TOKEN,
        node="node",
        source_claim=SOURCE,
        destination_claim=DESTINATION,
        size_bytes=SIZE,
        se_linux_level="",
        method=CopyMethod.HOST_ASSISTED,
    )


BLOCK_CLAIM = claim(DESTINATION, block=True)


@pytest.mark.parametrize(("found", "block"), [(BLOCK_CLAIM, True), (claim(DESTINATION), False)])
def test_a_job_is_told_the_kind_of_each_side(found, block):
    seen = dataclasses.replace(IS_FROZEN.observe(), destination=found)
    (job,) = decide(seen).actions
    assert (job.source_block, job.destination_block) == (False, block)
    compute = dataclasses.replace(seen.switch.status.compute, volume_mode=VolumeMode.BLOCK)
    status = dataclasses.replace(seen.switch.status, compute=compute)
    switch = dataclasses.replace(seen.switch, status=status)
    (job,) = decide(dataclasses.replace(seen, switch=switch)).actions
    assert (job.source_block, job.destination_block) == (True, block)
    (job,) = decide(dataclasses.replace(seen, switch=switch, destination=None)).actions
    assert (job.source_block, job.destination_block) == (True, True)


def test_the_switch_names_the_destination_from_the_beginning():
    (create,) = decide(WITH_CLAIM.observe()).actions
    assert create.spec.destination.claim_name == DESTINATION
    assert create.spec.position is Position.FROZEN


def test_copied_is_recorded_for_the_switch_and_token_of_the_job():
    facts = decide(world(job="complete").observe()).facts
    assert facts["copied"] == COPIED


def test_a_freeze_under_another_token_is_none():
    seen = IS_FROZEN.observe()
    other = dataclasses.replace(seen.switch.status, node=Node(token=OTHER))
    switch = dataclasses.replace(seen.switch, status=other)
    decision = decide(dataclasses.replace(seen, switch=switch))
    assert (decision.phase, decision.actions) == ("Freezing", ())


def test_a_refusing_agent_opens_the_way_back_after_the_order():
    seen = world(spec=CANCEL, switch=Switch(Position.DESTINATION, "ordered")).observe()
    refused = dataclasses.replace(
        seen.switch.status, node=dataclasses.replace(seen.switch.status.node, refused=True)
    )
    switch = dataclasses.replace(seen.switch, status=refused)
    decision = decide(dataclasses.replace(seen, switch=switch))
    assert [action.position for action in decision.actions] == [Position.SOURCE]


def test_a_job_of_an_earlier_attempt_is_ended_first():
    seen = IS_FROZEN.observe()
    old = SeenJob(
        name="old",
        uid="old",
        deleting=False,
        switch_uid=OTHER,
        token=OTHER,
        finished=True,
        failed=False,
        failure_reason="",
        failure_message="",
    )
    decision = decide(dataclasses.replace(seen, jobs=(old,)))
    assert decision.actions == (actions.DeleteJob("old", "old"),)


def test_another_move_to_the_same_claim_fails_the_copy():
    seen = dataclasses.replace(IS_FROZEN.observe(), rivals=("AttachmentSwitch other",))
    decision = decide(seen)
    assert (decision.copy_failed, decision.reason) == (True, "DestinationInUse")
    assert not decision.actions


def test_a_foreign_switch_of_the_name_refuses_the_start():
    seen = WITH_CLAIM.observe()
    foreign = dataclasses.replace(FROZEN.seen(), ours=False)
    decision = decide(dataclasses.replace(seen, switch=foreign))
    assert (decision.phase, decision.reason, decision.actions) == ("Refused", "SwitchExists", ())


@pytest.mark.parametrize(
    ("copiers", "reason"),
    [
        pytest.param((), "BackoffLimitExceeded", id="no copier left: the Job's words"),
        pytest.param(
            (
                SeenCopier(name="a", ended=True, result_reason="ReadError", result_message="a"),
                SeenCopier(name="b", ended=True, result_reason="NoSpaceLeft", result_message="b"),
            ),
            "NoSpaceLeft",
            id="the last copier's words",
        ),
    ],
)
def test_why_the_copy_failed(copiers, reason):
    seen = dataclasses.replace(world(job="failed").observe(), copiers=copiers)
    after = status(seen, decide(seen))
    copied = find(after.conditions, MigrationCondition.COPIED)
    assert (copied.status, copied.reason) == (Status.FALSE, reason)


def test_a_late_cancel_is_told_and_does_not_stop_the_move():
    seen = world(spec=CANCEL, switch=Switch(Position.DESTINATION, "ordered")).observe()
    ready = find(status(seen, decide(seen)).conditions, MigrationCondition.READY)
    assert (ready.status, ready.reason) == (Status.FALSE, "PastPointOfNoReturn")


def test_a_late_hold_is_told_and_does_not_stop_the_move():
    seen = world(spec=HOLD, switch=Switch(Position.DESTINATION, "frozen")).observe()
    ready = find(status(seen, decide(seen)).conditions, MigrationCondition.READY)
    assert (ready.status, ready.reason) == (Status.FALSE, "HoldTooLate")
    assert "can be cancelled" in ready.message


def test_the_claims_are_recorded_before_the_switch_is_created():
    seen = dataclasses.replace(
        BEGUN.observe(),
        surroundings=dataclasses.replace(
            BEGUN.observe().surroundings, destination=claim(DESTINATION, created_for=UID)
        ),
    )
    after = status(seen, decide(seen))
    assert (after.source_claim, after.destination_claim) == (SOURCE, DESTINATION)
    assert after.source_claim_uid == SOURCE, "a later claim of the name is never deleted"


THEN = "2025-12-31T23:44:00Z"
AT_250 = VolumeMigrationStatus(
    start_time=THEN, progress=Progress(bytes_done=250, advanced_time=THEN)
)
STUCK = {
    "it says the same as a quarter of an hour ago": (AT_250, 250, "", True),
    "it got on": (AT_250, 251, "", False),
    "nothing can be heard of it": (AT_250, None, "", False),
    "nothing was heard of it for an hour": (
        dataclasses.replace(AT_250, progress=Progress(advanced_time="2025-12-31T22:59:00Z")),
        None, "", True,
    ),
    "it never began": (VolumeMigrationStatus(start_time=THEN), None, "no room", True),
    "it has just begun to wait": (STARTED, None, "no room", False),
}  # fmt: skip


@pytest.mark.parametrize(("told", "done", "waiting", "stuck"), STUCK.values(), ids=STUCK)
def test_a_copy_that_does_not_get_on_is_given_up(told, done, waiting, stuck):
    """At 2026-01-01T00:00:00Z, with a limit of 900 seconds."""
    seen = world(job="running", copier=True, status=told).observe()
    progress = done and CopierProgress(bytes_done=done, bytes_total=1000, bytes_per_second=1)
    copiers = tuple(dataclasses.replace(copier, waiting=waiting) for copier in seen.copiers)
    seen = dataclasses.replace(seen, progress=progress, copiers=copiers)
    decided = decide(seen)
    assert (decided.reason, decided.copy_failed) == (("CopyStuck", True) if stuck else ("", False))
    assert waiting in decided.message


def test_holding_has_no_limit():
    here = world(status=dataclasses.replace(IS_COPIED, start_time="2020-01-01T00:00:00Z"))
    assert decide(dataclasses.replace(here, spec=HOLD).observe()).phase == "Holding"


@pytest.mark.parametrize("reason", ["GuestStopped", "NamespaceDeleted"])
@pytest.mark.parametrize("deleting", [True, False])
def test_in_a_namespace_that_is_deleted_nothing_starts_again(reason, deleting):
    """The migration ends with what its switch says of the guest's last writes."""
    seen = world(
        switch=Switch(Position.FROZEN, "source"), ending=True, deleting=deleting
    ).observe()
    ready = condition("Ready", False, reason, "they are in the overlay")
    told = dataclasses.replace(seen.switch.status, conditions=(ready,))
    switch = dataclasses.replace(seen.switch, status=told)
    decision = decide(dataclasses.replace(seen, switch=switch))
    assert decision.reason == reason
    assert decision.message == "they are in the overlay"
    assert decision.actions == ()
