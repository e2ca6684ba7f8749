"""The storage makes the destination: each step, each failure, and what is left to delete."""

import dataclasses

import pytest

from detour_crds.attachment_switch import AttachmentSwitchSpec, ObjectRef, Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import (
    ClaimTemplate,
    Copied,
    CopyMethod,
    CopySpec,
    Destination,
    Progress,
    VolumeMigrationStatus,
)
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.methods import after_failure, select
from detour_operator.storage_side.news import news
from detour_operator.storage_side.observation import SeenCopier
from detour_operator.storage_side.status import status
from unit.operator import storage_seen
from unit.operator.storage.test_methods import case
from unit.operator.storage_seen import NOW, snapshot, storage
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

SNAPSHOT, CLONE, HOST = CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE, CopyMethod.HOST_ASSISTED
BY_SNAPSHOT = select(case())
BY_CLONE = select(case(storage=storage(snapshot_classes=None)))
AFTER_SNAPSHOT = after_failure(BY_SNAPSHOT, "SnapshotFailed", "no")
LAST = after_failure(AFTER_SNAPSHOT, "ProvisioningFailed", "no")
LONG_AGO = "2025-12-31T12:00:00Z"
A_WHILE_AGO = "2025-12-31T23:58:00Z"
FROM_SNAPSHOT = f"VolumeSnapshot/detour-{TOKEN}"
FROM_SOURCE = f"PersistentVolumeClaim/{SOURCE}"
COPIED = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE)


def made(data_source=FROM_SNAPSHOT, **changes):
    """The claim as the storage makes it."""
    given = {"created_for": UID, "data_source": data_source, "token": TOKEN, "created": NOW}
    return claim(DESTINATION, **{**given, **changes})


PENDING = {"phase": "Pending", "capacity": None}


def unnamed(switch=None, **changes):
    """The switch as it is made where the storage makes the claim: without the claim's name."""
    seen = (switch or Switch(at="frozen")).seen()
    spec = AttachmentSwitchSpec(
        virtual_machine=seen.spec.virtual_machine, volume="data", position=seen.spec.position
    )
    return dataclasses.replace(seen, spec=spec, **changes)


def seen(method=BY_SNAPSHOT, switch=None, spec=SPEC, status=None, **looked):
    """A frozen source."""
    before = status or VolumeMigrationStatus()
    before = dataclasses.replace(before, start_time=NOW, copy_method=method, source_claim=SOURCE)
    here = World(finalizer=True, spec=spec, status=before, switch=Switch(at="frozen")).observe()
    given = {"source": claim(SOURCE), "destination": None, "switch": switch or unnamed()}
    return dataclasses.replace(here, **{**given, **looked})


def given_up(here):
    """After the pass that records, before anything is deleted, that the claim is given up."""
    first = decide(here)
    assert first.facts == {"discarded_claim_uid": here.destination.uid}
    assert not any(isinstance(one, actions.DeleteClaim) for one in first.actions)
    return dataclasses.replace(here, status=dataclasses.replace(here.status, **first.facts))


def job(state, method=SNAPSHOT, created=None):
    found = storage_seen.jobs(state, "job", SWITCH_UID, TOKEN, method)
    return tuple(dataclasses.replace(one, created=created) for one in found)


def spec(**changes):
    return dataclasses.replace(SPEC, **changes)


SNAP = snapshot(SWITCH_UID, TOKEN)
UNREADY = dataclasses.replace(SNAP, ready=False)
FAILING = dataclasses.replace(UNREADY, error="no space", created=A_WHILE_AGO)
OTHER = "other-1"
OTHER_SNAP = snapshot("other", OTHER, uid="other")

ROWS = {
    "frozen: a snapshot first": ({}, ["CreateSnapshot"], "TakingSnapshot"),
    "being taken": ({"snapshots": (UNREADY,)}, [], "TakingSnapshot"),
    "in trouble since just now": (
        {"snapshots": (dataclasses.replace(FAILING, created=NOW),)},
        [],
        "TakingSnapshot",
    ),
    "taken: the claim": ({"snapshots": (SNAP,)}, ["CreateClaim"], "SnapshotTaken"),
    "another attempt's snapshot goes first": (
        {"snapshots": (OTHER_SNAP,)},
        ["DeleteSnapshot"],
        "Copying",
    ),
    "another attempt's claim goes first": (
        {"snapshots": (SNAP,), "destination": made(token=OTHER)},
        ["DeleteClaim"],
        "Copying",
    ),
    "a claim that was given up is never used again": (
        {
            "snapshots": (SNAP,),
            "destination": made(),
            "status": VolumeMigrationStatus(discarded_claim_uid=DESTINATION),
        },
        ["DeleteClaim"],
        "Copying",
    ),
    "not even by a Job that is done": (
        {
            "snapshots": (SNAP,),
            "destination": made(),
            "jobs": job("complete"),
            "status": VolumeMigrationStatus(discarded_claim_uid=DESTINATION),
        },
        ["DeleteJob"],
        "Copying",
    ),
    "a Job without a claim ends": (
        {"snapshots": (SNAP,), "jobs": job("running")},
        ["DeleteJob"],
        "Copying",
    ),
    "that claim is going": (
        {
            "snapshots": (SNAP,),
            "destination": made(token=OTHER, deleting=True),
            "status": VolumeMigrationStatus(discarded_claim_uid=DESTINATION),
        },
        [],
        "Copying",
    ),
    "the claim is there: see that it can be had": (
        {"snapshots": (SNAP,), "destination": made(**PENDING)},
        ["CreateJob"],
        "Restoring",
    ),
    "the Job is to start": (
        {"snapshots": (SNAP,), "destination": made(**PENDING), "jobs": job("suspended")},
        ["StartJob"],
        "Restoring",
    ),
    "being made": (
        {"snapshots": (SNAP,), "destination": made(**PENDING), "jobs": job("running")},
        [],
        "Restoring",
    ),
    "made and seen": (
        {"snapshots": (SNAP,), "destination": made(), "jobs": job("complete")},
        [],
        "Copied",
    ),
    "a clone needs no snapshot": ({"method": BY_CLONE}, ["CreateClaim"], "Cloning"),
    "cloned": (
        {"method": BY_CLONE, "destination": made(FROM_SOURCE)},
        ["CreateJob"],
        "Restoring",
    ),
    "after the snapshot failed it is deleted": (
        {"method": AFTER_SNAPSHOT, "snapshots": (FAILING,)},
        ["DeleteSnapshot"],
        "Copying",
    ),
    "after the snapshot failed, its claim goes too": (
        {"method": AFTER_SNAPSHOT, "snapshots": (SNAP,), "destination": made()},
        ["DeleteSnapshot", "DeleteClaim"],
        "Copying",
    ),
    "after the snapshot failed, its Job goes first": (
        {"method": AFTER_SNAPSHOT, "destination": made(), "jobs": job("running")},
        ["DeleteJob"],
        "Copying",
    ),
    "after both failed: a blank claim": ({"method": LAST}, ["CreateClaim"], "Copying"),
    "after both failed, the clone goes first": (
        {"method": LAST, "destination": made(FROM_SOURCE)},
        ["DeleteClaim"],
        "Copying",
    ),
    "after both failed, onto the blank claim": (
        {"method": LAST, "destination": made(None, token=None)},
        ["CreateJob"],
        "Copying",
    ),
}


@pytest.mark.parametrize(("given", "acts", "reason"), ROWS.values(), ids=ROWS)
def test_row(given, acts, reason):
    here = seen(**given)
    if "DeleteClaim" in acts and here.status.discarded_claim_uid is None:
        here = given_up(here)
    decision = decide(here)
    assert [type(action).__name__ for action in decision.actions] == acts
    copied = find(status(here, decision).conditions, MigrationCondition.COPIED)
    assert copied.reason == reason
    assert (copied.status is Status.TRUE) == (reason == "Copied")
    assert decision.phase == "Copying"


def test_names_and_identities():
    (take,) = decide(seen()).actions
    assert take == actions.CreateSnapshot(
        name=f"detour-{TOKEN}",
        claim=SOURCE,
        snapshot_class="snaps",
        switch_uid=SWITCH_UID,
        token=TOKEN,
    )
    (create,) = decide(seen(snapshots=(SNAP,))).actions
    assert (create.name, create.data_source) == (DESTINATION, tuple(FROM_SNAPSHOT.split("/")))
    assert create.token == TOKEN
    (check,) = decide(seen(snapshots=(SNAP,), destination=made())).actions
    assert (check.copies, check.verify) == (False, "None")
    assert (check.source_claim, check.destination_claim) == (SOURCE, DESTINATION)
    assert (check.node, check.size_bytes, check.method) == ("node", SIZE, SNAPSHOT)


def test_the_claim_has_what_the_storage_needs():
    large = dataclasses.replace(SNAP, restore_bytes=3 * SIZE)
    (create,) = decide(seen(snapshots=(large,))).actions
    assert create.size == str(3 * SIZE)
    rounded = claim(SOURCE, capacity=2 * SIZE)
    (create,) = decide(seen(BY_CLONE, source=rounded)).actions
    assert create.size == str(2 * SIZE)


def template(size):
    wanted = ClaimTemplate(name=DESTINATION, size=size)
    return spec(destination=Destination(claim_template=wanted))


GIVEN_UP = {
    "the snapshot fails": ({"snapshots": (FAILING,)}, "SnapshotFailed"),
    "the snapshot takes too long": (
        {"snapshots": (dataclasses.replace(UNREADY, created=LONG_AGO),)},
        "SnapshotTimedOut",
    ),
    "the snapshot needs more than is asked for": (
        {
            "spec": template(f"{SIZE}"),
            "snapshots": (dataclasses.replace(SNAP, restore_bytes=2 * SIZE),),
        },
        "SmallerThanSnapshot",
    ),
    "the driver refuses": (
        {
            "destination": made(**PENDING, created=A_WHILE_AGO),
            "snapshots": (SNAP,),
            "not_provisioned": "cloning of a volume in use is not supported",
            "jobs": job("running"),
        },
        "ProvisioningFailed",
    ),
    "the driver is silent": (
        {"destination": made(**PENDING, created=LONG_AGO), "jobs": job("running")},
        "ProvisioningTimedOut",
    ),
    "what it made is no copy": (
        {
            "destination": made(),
            "jobs": job("failed"),
            "copiers": (SeenCopier(name="c", ended=True, result_reason="DestinationNotACopy"),),
        },
        "DestinationNotACopy",
    ),
    "it cannot be had on the node": (
        {
            "destination": made(),
            "jobs": job("running", created=LONG_AGO),
            "status": VolumeMigrationStatus(progress=Progress(advanced_time=LONG_AGO)),
            "copiers": (SeenCopier(name="c", ended=False, waiting="node affinity conflict"),),
        },
        "CopyStuck",
    ),
    "a blank claim came in between": (
        {"destination": made(None, token=None), "snapshots": (SNAP,)},
        "DestinationThere",
    ),
}


@pytest.mark.parametrize(("given", "reason"), GIVEN_UP.values(), ids=GIVEN_UP)
def test_auto_goes_on_with_the_next_method_before_anything_is_touched(given, reason):
    here = seen(**given)
    if reason == "CopyStuck":
        here = dataclasses.replace(here, status=dataclasses.replace(
            here.status, start_time=LONG_AGO))  # fmt: skip
    decision = decide(here)
    assert not decision.actions
    assert not decision.copy_failed
    after = decision.facts["copy_method"]
    assert (after.name, after.tried) == (CLONE, (SNAPSHOT,))
    assert after.refused[0].reason == reason
    told = find(status(here, decision).conditions, MigrationCondition.COPIED)
    assert (told.status, told.reason) == (Status.UNKNOWN, "FallingBack")


@pytest.mark.parametrize(("given", "reason"), GIVEN_UP.values(), ids=GIVEN_UP)
def test_a_method_that_is_asked_for_fails_the_copy(given, reason):
    here = seen(**given)
    asked = dataclasses.replace(here.spec, copy=CopySpec(method=SNAPSHOT))
    here = dataclasses.replace(here, spec=asked)
    if reason == "CopyStuck":
        here = dataclasses.replace(here, status=dataclasses.replace(
            here.status, start_time=LONG_AGO))  # fmt: skip
    decision = decide(here)
    assert (decision.copy_failed, decision.reason) == (True, reason)
    assert not decision.actions


BUSY = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"


@pytest.mark.parametrize(
    "given",
    [
        {"snapshots": (dataclasses.replace(FAILING, error=BUSY),)},
        {
            "destination": made(**PENDING, created=A_WHILE_AGO),
            "snapshots": (SNAP,),
            "not_provisioned": BUSY,
            "jobs": job("running"),
        },
    ],
    ids=["snapshot", "claim"],
)
def test_a_driver_that_may_still_be_at_it_has_more_time(given):
    decision = decide(seen(**given))
    assert not decision.facts
    assert "DeadlineExceeded" in decision.message or not decision.actions


def test_a_claim_that_something_keeps_fails_the_copy():
    going = made(token=OTHER, deleting=True, deleting_since=LONG_AGO)
    decision = decide(seen(destination=going))
    assert (decision.copy_failed, decision.reason) == (True, "DestinationInUse")


def test_the_end_does_not_wait_for_ever_for_a_claim_that_something_keeps():
    going = made(deleting=True, deleting_since=LONG_AGO)
    decision = decide(seen(spec=CANCEL, switch=unnamed(BACK), destination=going))
    assert decision.phase == "Cancelled"


def test_a_driver_in_trouble_is_waited_for():
    here = seen(destination=made(**PENDING), jobs=job("running"), not_provisioned="again")
    assert not decide(here).facts


def test_a_claim_of_somebody_else_is_never_touched():
    decision = decide(seen(snapshots=(SNAP,), destination=claim(DESTINATION)))
    assert (decision.copy_failed, decision.reason) == (True, "DestinationExists")
    assert not decision.actions


NOTED = dataclasses.replace(COPIED, claim_uid=DESTINATION)
IS_COPIED = VolumeMigrationStatus(copied=NOTED)


def named(uid=DESTINATION):
    """The switch once it names the destination, and the compute side has noted that claim."""
    plain = Switch(at="frozen").seen()
    noted = ObjectRef(name=DESTINATION, uid=uid) if uid else None
    compute = dataclasses.replace(plain.status.compute, destination_claim=noted)
    return dataclasses.replace(plain, status=dataclasses.replace(plain.status, compute=compute))


def test_the_copy_is_known_by_its_claim():
    done = seen(snapshots=(SNAP,), destination=made(), jobs=job("complete"))
    assert decide(done).facts["copied"] == NOTED
    blank = seen(LAST, destination=made(None, token=None), jobs=job("complete", HOST))
    assert decide(blank).facts["copied"] == NOTED


@pytest.mark.parametrize("hold", [True, False])
def test_the_claim_is_named_noted_and_then_asked_for(hold):
    drop = actions.DeleteSnapshot(SNAP.name, SNAP.uid)
    given = {"status": IS_COPIED, "spec": spec(hold=hold), "destination": made()}
    first = decide(seen(snapshots=(SNAP,), **given))
    assert first.actions == (drop, actions.NameDestination(unnamed().meta, DESTINATION))
    second = decide(seen(switch=named(None), **given))
    assert (second.actions, first.phase) == ((), second.phase)
    third = decide(seen(switch=named(), **given))
    assert [type(one).__name__ for one in third.actions] == ([] if hold else ["SetPosition"])
    assert third.phase == ("Holding" if hold else "Merging")


@pytest.mark.parametrize(
    "given",
    [
        {"destination": None},
        {"destination": made(deleting=True)},
        {"destination": made(uid="another")},
        {"destination": made(), "switch": named("another")},
    ],
    ids=["gone", "going", "another one", "another one was noted"],
)
def test_a_copy_that_was_replaced_is_never_asked_for(given):
    decision = decide(seen(status=IS_COPIED, **given))
    assert (decision.copy_failed, decision.reason) == (True, "DestinationReplaced")
    assert not decision.actions


def test_success_waits_for_no_snapshot_that_is_being_deleted():
    there = Switch(Position.DESTINATION, "destination").seen()
    here = seen(switch=there, snapshots=(SNAP,), destination=made())
    decision = decide(here)
    assert (decision.phase, decision.actions) == (
        "CleaningUp",
        (actions.DeleteSnapshot(SNAP.name, SNAP.uid),),
    )
    gone = dataclasses.replace(SNAP, deleting=True)
    assert decide(dataclasses.replace(here, snapshots=(gone,))).phase == "Succeeded"


BACK = Switch(Position.SOURCE, "source")
CANCEL = spec(cancel=True)


def test_a_cancel_deletes_what_was_made_and_waits_for_it_to_be_gone():
    under_way = seen(spec=CANCEL, snapshots=(SNAP,), destination=made(), jobs=job("running"))
    first = decide(under_way)
    assert {type(one).__name__ for one in first.actions} == {"DeleteJob", "DeleteSnapshot"}
    back = seen(spec=CANCEL, switch=unnamed(BACK), snapshots=(SNAP,), destination=made())
    back = given_up(back)
    second = decide(back)
    assert second.phase == "Cancelling"
    assert second.actions == (
        actions.DeleteSnapshot(SNAP.name, SNAP.uid),
        actions.DeleteClaim(DESTINATION, DESTINATION),
    )
    going = dataclasses.replace(back, snapshots=(), destination=made(deleting=True))
    assert (decide(going).phase, decide(going).actions) == ("Cancelling", ())
    assert decide(dataclasses.replace(going, destination=None)).phase == "Cancelled"


@pytest.mark.parametrize(
    "there",
    [claim(DESTINATION), made(created_for="other"), made(None, token=None)],
    ids=["somebody's", "of another migration", "blank"],
)
def test_a_cancel_keeps_every_other_claim(there):
    decision = decide(seen(spec=CANCEL, switch=unnamed(BACK), destination=there))
    assert (decision.phase, decision.actions) == ("Cancelled", ())


@pytest.mark.parametrize(("vm", "acts"), [(SOURCE, ["DeleteClaim"]), (None, [])])
def test_with_the_switch_gone_the_claim_goes_only_if_the_machine_is_on_the_source(vm, acts):
    here = seen(destination=made())
    around = World(finalizer=True).observe().surroundings
    if vm is None:
        around = dataclasses.replace(around, virtual_machine=None)
    here = dataclasses.replace(here, switch=None, surroundings=around)
    here = given_up(here) if acts else here
    assert [type(one).__name__ for one in decide(here).actions] == acts


def test_what_came_too_late_is_deleted_before_a_start_unless_it_is_used():
    begun = World(finalizer=True).observe()
    before = dataclasses.replace(begun.status, copy_method=BY_SNAPSHOT)
    around = dataclasses.replace(begun.surroundings, destination=made(), storage=storage())
    here = dataclasses.replace(begun, status=before, surroundings=around)
    assert decide(here).facts == {"discarded_claim_uid": DESTINATION}
    assert not decide(here).actions
    before = dataclasses.replace(before, discarded_claim_uid=DESTINATION)
    here = dataclasses.replace(here, status=before)
    assert [type(one).__name__ for one in decide(here).actions] == ["DeleteClaim"]
    used = dataclasses.replace(around, destination_users=("pod a",))
    assert decide(dataclasses.replace(here, surroundings=used)).phase == "Refused"
    on_it = dataclasses.replace(around.virtual_machine, claims={"data": DESTINATION})
    on_it = dataclasses.replace(around, virtual_machine=on_it)
    assert not decide(dataclasses.replace(here, surroundings=on_it)).actions


def test_a_start_by_the_storage_makes_no_claim_and_names_none():
    begun = World(finalizer=True).observe()
    around = dataclasses.replace(begun.surroundings, storage=storage())
    decision = decide(dataclasses.replace(begun, surroundings=around))
    (create,) = decision.actions
    assert isinstance(create, actions.CreateSwitch)
    assert create.spec.destination is None
    assert decision.facts["copy_method"].name == SNAPSHOT


def test_shared_blocks_are_told_with_the_method():
    copier = SeenCopier(name="c", ended=True, shared_blocks=True)
    here = seen(LAST, destination=made(None, token=None), jobs=job("complete", HOST))
    after = decide(dataclasses.replace(here, copiers=(copier,))).facts
    assert "reflink" in after["copy_method"].reason
    assert after["copied"] == NOTED


def test_the_turns_of_the_copy_are_events():
    here = seen(snapshots=(SNAP,))
    taken = news((), status(here, decide(here)).conditions)
    assert ("SnapshotTaken", False) in {(item.reason, item.warning) for item in taken}
    here = seen(snapshots=(FAILING,))
    failed = news((), status(here, decide(here)).conditions)
    (told,) = [item for item in failed if item.reason == "FallingBack"]
    assert told.warning
    assert "no space" in told.message
