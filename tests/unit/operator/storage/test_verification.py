"""A copy that is to be verified: what counts, what is told, and what a difference leads to."""

import dataclasses

import pytest

from detour_crds import names
from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.volume_migration import (
    Copied,
    CopyMethod,
    CopyMethodStatus,
    CopySpec,
    External,
    IoPriority,
    Progress,
    Verify,
    VolumeMigrationStatus,
)
from detour_operator.adapters import jobs
from detour_operator.storage_side import actions, reading
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.methods import select
from detour_operator.storage_side.news import news
from detour_operator.storage_side.observation import CopierProgress, SeenCopier
from detour_operator.storage_side.status import status
from unit.operator import storage_seen
from unit.operator.storage.test_methods import case
from unit.operator.storage_seen import NOW
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

CHECKSUM = Verify.CHECKSUM
HOST, SNAPSHOT, EXTERNAL = (
    CopyMethod.HOST_ASSISTED,
    CopyMethod.VOLUME_SNAPSHOT,
    CopyMethod.EXTERNAL,
)
COPIED, VERIFIED = MigrationCondition.COPIED, MigrationCondition.VERIFIED
STARTED = VolumeMigrationStatus(start_time=NOW, source_claim=SOURCE, destination_claim=DESTINATION)
PUBLISHED = External(
    token=TOKEN, source_claim=SOURCE, destination_claim=DESTINATION, node="node", bytes=SIZE
)
DIFFERS = SeenCopier(
    name="copier", ended=True, result_reason="VerificationFailed", result_message="at byte 4711"
)
ALIVE = SeenCopier(name="copier", ended=False)


def wish(method=CopyMethod.AUTO, verify=CHECKSUM, limit=None):
    copy = CopySpec(method=method, verify=verify, bandwidth_limit=limit)
    return dataclasses.replace(SPEC, copy=copy)


def job(state, verify=CHECKSUM, method=HOST, token=TOKEN):
    return storage_seen.jobs(state, "job", SWITCH_UID, token, method, verify)


def seen(spec=None, before=STARTED, **changes):
    world = World(
        finalizer=True, spec=spec or wish(), status=before, claim=True, switch=Switch(at="frozen")
    )
    return dataclasses.replace(world.observe(), **changes)


def told(here, kind=VERIFIED):
    return find(status(here, decide(here)).conditions, kind)


JOBS = {
    "a plain copy": (HOST, Verify.NONE, None, (True, Verify.NONE, None)),
    "a verified copy": (HOST, CHECKSUM, None, (True, CHECKSUM, None)),
    "a slow one": (HOST, CHECKSUM, "1Mi", (True, CHECKSUM, 1 << 20)),
}


@pytest.mark.parametrize(("method", "verify", "limit", "wanted"), JOBS.values(), ids=JOBS)
def test_what_the_job_is_to_do(method, verify, limit, wanted):
    (create,) = decide(seen(wish(method, verify, limit))).actions
    assert (create.copies, create.verify, create.bytes_per_second) == wanted
    assert create.source_claim == SOURCE


def test_a_job_that_did_not_compare_counts_for_nothing():
    here = seen(jobs=job("complete", Verify.NONE))
    decision = decide(here)
    assert "copied" not in decision.facts
    assert decision.actions == (actions.DeleteJob("job", "job"),)
    assert told(here).status is Status.UNKNOWN


def test_nor_does_one_that_compared_for_an_earlier_attempt():
    here = seen(jobs=job("complete", token="other-1"))  # noqa: S106 - of an attempt
    assert "copied" not in decide(here).facts


def test_a_complete_job_has_compared_and_both_conditions_turn_at_once():
    here = seen(jobs=job("complete"))
    copied = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE, verified=True)
    assert decide(here).facts["copied"] == copied
    assert (told(here).status, told(here, COPIED).status) == (Status.TRUE, Status.TRUE)
    assert status(here, decide(here)).progress.bytes_verified == SIZE
    assert "Verified" in {item.reason for item in news((), (told(here),))}


@pytest.mark.parametrize("verified", [None, False])
def test_a_copy_that_is_not_known_to_be_verified_is_none(verified):
    copied = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE, verified=verified)
    decision = decide(seen(before=dataclasses.replace(STARTED, copied=copied)))
    assert isinstance(decision.actions[0], actions.CreateJob)


def test_nobody_waits_for_what_was_not_asked_for():
    plain = seen(wish(verify=Verify.NONE), jobs=job("complete", Verify.NONE))
    assert decide(plain).facts["copied"].verified is None
    assert (told(plain).status, told(plain).reason) == (Status.UNKNOWN, "NotRequested")


METHODS = {
    "asked for": (wish(HOST), CopyMethodStatus(name="HostAssisted"), HOST),
    "of Auto, the last": (wish(), CopyMethodStatus(name="HostAssisted"), HOST),
    "of Auto, with others left": (wish(), select(case()), SNAPSHOT),
}


@pytest.mark.parametrize(("spec", "chosen", "method"), METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("copiers", [(DIFFERS,), ()], ids=["told", "with its words lost"])
def test_a_difference_ends_the_move_and_is_never_copied_over(spec, chosen, method, copiers):
    made = claim(
        *(DESTINATION,), created_for=UID, data_source=f"VolumeSnapshot/detour-{TOKEN}", token=TOKEN
    )
    here = seen(
        spec,
        dataclasses.replace(STARTED, copy_method=chosen),
        jobs=job("failed", method=method),
        copiers=copiers,
        destination=made,
    )
    decision = decide(here)
    assert decision.copy_failed
    assert "copy_method" not in decision.facts
    if copiers:
        assert (told(here).status, told(here).reason) == (Status.FALSE, "VerificationFailed")
        assert (told(here, COPIED).status, told(here, COPIED).reason) == (
            Status.FALSE,
            "VerificationFailed",
        )
        assert "byte 4711" in told(here).message


def test_what_was_found_is_still_told_at_the_end():
    found = Condition(
        type=VERIFIED, status=Status.FALSE, reason="VerificationFailed", message="at byte 4711"
    )
    failed = dataclasses.replace(found, type=COPIED)
    before = dataclasses.replace(STARTED, conditions=(failed, found))
    here = seen(before=before, jobs=job("failed"), copiers=(DIFFERS,))
    assert told(here).message == "at byte 4711"
    assert decide(here).actions[0].position == "Source"


def another_reason():
    here = seen(jobs=job("failed", method=SNAPSHOT), before=by_snapshot())
    words = dataclasses.replace(DIFFERS, result_reason="DestinationNotACopy")
    return dataclasses.replace(here, copiers=(words,), destination=made_by_storage())


def by_snapshot():
    return dataclasses.replace(STARTED, copy_method=select(case()))


def made_by_storage():
    source = f"VolumeSnapshot/detour-{TOKEN}"
    return claim(DESTINATION, created_for=UID, data_source=source, token=TOKEN)


def test_what_is_no_difference_goes_on_with_the_next_method():
    decision = decide(another_reason())
    assert not decision.copy_failed
    assert decision.facts["copy_method"].name != "VolumeSnapshot"


def verifying(done, before=None, **changes):
    progress = CopierProgress(
        bytes_done=done, bytes_total=1000, bytes_per_second=1, verifying=True
    )
    known = dataclasses.replace(STARTED, progress=before)
    return seen(before=known, jobs=job("running"), copiers=(ALIVE,), progress=progress, **changes)


def test_it_is_told_how_far_the_verification_is():
    here = verifying(370)
    assert (told(here).reason, told(here).message) == (
        "Verifying",
        "the destination is being compared with the source: 37 percent",
    )
    assert told(here, COPIED).reason == "Verifying"
    assert "37 percent" in told(here, MigrationCondition.READY).message
    after = status(here, decide(here)).progress
    assert (after.percent, after.bytes_done, after.bytes_verified) == (100, 1000, 370)


def test_between_two_words_of_the_copier_nothing_changes():
    first = verifying(370)
    after = status(first, decide(first))
    silent = dataclasses.replace(first, progress=None, status=after)
    assert status(silent, decide(silent)) == after


def test_a_copier_that_begins_anew_is_told_as_copying():
    first = verifying(370)
    after = status(first, decide(first))
    again = dataclasses.replace(
        first,
        status=after,
        progress=CopierProgress(bytes_done=1, bytes_total=1000, bytes_per_second=1),
    )
    assert (told(again).reason, told(again, COPIED).reason) == ("NotYetKnown", "Copying")
    dead = dataclasses.replace(first, status=after, progress=None, copiers=())
    assert told(dead).reason == "NotYetKnown"


LONG_AGO = "2025-12-31T23:00:00Z"
COPY_DONE = Progress(bytes_done=1000, bytes_total=1000, advanced_time=LONG_AGO)
STUCK = {
    "the first byte after the copy": (COPY_DONE, 1, None, False),
    "further": (dataclasses.replace(COPY_DONE, bytes_verified=5), 6, None, False),
    "no further": (dataclasses.replace(COPY_DONE, bytes_verified=6), 6, None, True),
    "slow by request": (dataclasses.replace(COPY_DONE, bytes_verified=6), 6, "64Ki", True),
}


@pytest.mark.parametrize(("before", "done", "limit", "stuck"), STUCK.values(), ids=STUCK)
def test_a_verification_that_does_not_get_on_is_given_up(before, done, limit, stuck):
    known = dataclasses.replace(before)
    here = dataclasses.replace(
        verifying(done, known),
        spec=wish(HOST, limit=limit),
        status=dataclasses.replace(STARTED, start_time=LONG_AGO, progress=known),
    )
    assert (decide(here).reason == "CopyStuck") is stuck


@pytest.mark.parametrize(("total", "stuck"), [(1 << 30, True), (1 << 40, False)])
def test_a_copier_that_obeys_its_limit_may_be_silent_for_a_hundredth_of_the_image(total, stuck):
    """At 5 MiB a second a hundredth of a TiB takes half an hour."""
    before = Progress(bytes_done=7, bytes_total=total, advanced_time=LONG_AGO)
    here = seen(
        wish(HOST, limit="5Mi"),
        dataclasses.replace(STARTED, start_time=LONG_AGO, progress=before),
        jobs=job("running"),
        copiers=(ALIVE,),
        progress=CopierProgress(bytes_done=7, bytes_total=total, bytes_per_second=0),
    )
    assert (decide(here).reason == "CopyStuck") is stuck


WAITING = dataclasses.replace(
    STARTED, external=PUBLISHED, copy_method=CopyMethodStatus(name="External")
)


def external(word, **changes):
    there = claim(DESTINATION, created_for=UID, copied_under=word)
    return seen(wish(EXTERNAL), WAITING, destination=there, **changes)


def test_somebody_elses_word_is_compared_with_what_he_did():
    (create,) = decide(external(TOKEN)).actions
    assert (create.copies, create.verify, create.method) == (False, CHECKSUM, EXTERNAL)
    done = external(TOKEN, jobs=job("complete", method=EXTERNAL))
    assert decide(done).facts["copied"].verified


@pytest.mark.parametrize("word", [None, "other-1"])
def test_before_his_word_nothing_is_compared_and_a_word_taken_back_ends_it(word):
    assert not decide(external(word)).actions
    running = external(word, jobs=job("running", method=EXTERNAL))
    assert decide(running).actions == (actions.DeleteJob("job", "job"),)
    complete = external(word, jobs=job("complete", method=EXTERNAL))
    assert "copied" not in decide(complete).facts


def test_what_he_did_wrong_is_told():
    here = external(TOKEN, jobs=job("failed", method=EXTERNAL), copiers=(DIFFERS,))
    assert (decide(here).copy_failed, decide(here).reason) == (True, "VerificationFailed")


def made_job(**changes):
    given = {
        "name": "copy",
        "namespace": "ns",
        "migration": "m",
        "owner": {"uid": UID},
        "image": "copier",
        "image_pull_policy": "Always",
        "node": "node",
        "source_claim": SOURCE,
        "destination_claim": DESTINATION,
        "size_bytes": SIZE,
        "se_linux_level": "",
        "switch_uid": SWITCH_UID,
        "token": TOKEN,
        "method": HOST,
    }
    return jobs.manifest(jobs.CopyJob(**{**given, **changes}))


BOTH_BLOCK = ["--source-block", "--destination-block"]
MANIFESTS = {
    "a copy": ({}, [], 2),
    "a slow one": ({"bytes_per_second": 7}, ["--bytes-per-second", "7"], 2),
    "verified": ({"verify": CHECKSUM}, ["--verify"], 2),
    "seen alone": ({"copies": False}, ["--check"], 1),
    "seen and verified": ({"copies": False, "verify": CHECKSUM}, ["--check", "--verify"], 2),
}


@pytest.mark.parametrize(("given", "options", "claims"), MANIFESTS.values(), ids=MANIFESTS)
@pytest.mark.parametrize("block", [False, True])
def test_the_job_says_what_it_does_and_has_the_source_only_where_it_reads_it(
    given, options, claims, block
):
    made = made_job(source_block=block, destination_block=block, **given)
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    used = container["volumeDevices" if block else "volumeMounts"]
    assert (len(pod["volumes"]), len(used)) == (claims, claims)
    plain = ["python3", "-m", "detour_copier", "--size-bytes", str(SIZE)]
    assert container["command"] == [*plain, *options, *(BOTH_BLOCK if block else [])]
    made["metadata"]["uid"] = "uid"
    assert reading.job(made).verify == given.get("verify", Verify.NONE)
    del made["metadata"]["annotations"][names.VERIFY_ANNOTATION]
    assert reading.job(made).verify == Verify.NONE


def test_an_idle_job_gives_way():
    def command(**given):
        (container,) = made_job(**given)["spec"]["template"]["spec"]["containers"]
        return container["command"]

    assert command(idle=True) == ["ionice", "--class", "idle", *command()]


@pytest.mark.parametrize("priority", IoPriority)
def test_the_priority_that_is_asked_for_is_the_jobs(priority):
    copy = CopySpec(method=HOST, io_priority=priority)
    (create,) = decide(seen(dataclasses.replace(SPEC, copy=copy))).actions
    assert create.idle == (priority is IoPriority.IDLE)


def test_the_copiers_words_are_read():
    line = {"bytesDone": 1, "bytesTotal": 2, "bytesPerSecond": 3}
    assert not reading.progress([line]).verifying
    assert reading.progress([{**line, "verifying": True}]).verifying
