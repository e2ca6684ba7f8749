"""When an existing destination is looked at, and what follows from what was found."""

import dataclasses
import itertools

import pytest

from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import CopyMethod, CopyMethodStatus, Progress
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.observation import SeenCopier
from detour_operator.storage_side.status import status
from unit.operator.storage_world import (
    DESTINATION,
    ONTO_CLAIM,
    OVERWRITE,
    SPEC,
    SWITCH_UID,
    TOKEN,
    UID,
    Switch,
    World,
)

FROZEN = World(finalizer=True, claim=True, switch=Switch(at="frozen"), spec=ONTO_CLAIM)
STARTED = dataclasses.replace(FROZEN.status, start_time="2026-01-01T00:00:00Z")
ONTO = dataclasses.replace(FROZEN, status=STARTED)
KNOWN_EMPTY = dataclasses.replace(STARTED, empty_claim_uid=DESTINATION)


def here(**changes):
    return dataclasses.replace(ONTO, **changes)


def with_method(method, known):
    return dataclasses.replace(
        STARTED, copy_method=CopyMethodStatus(name=method), empty_claim_uid=known
    )


METHODS = (CopyMethod.HOST_ASSISTED, CopyMethod.VOLUME_SNAPSHOT, CopyMethod.EXTERNAL)
CASES = tuple(itertools.product((SPEC, ONTO_CLAIM, OVERWRITE), METHODS, (None, DESTINATION, "x")))


@pytest.mark.parametrize(("spec", "method", "known"), CASES)
def test_a_claim_is_looked_at_unless_it_is_known_or_nothing_is_asked(spec, method, known):
    seen = here(spec=spec, status=with_method(method, known)).observe()
    made = [one for one in decide(seen).actions if isinstance(one, actions.CreateJob)]
    looks = [one.look for one in made]
    if method is CopyMethod.EXTERNAL:
        assert looks == [], "somebody else copies"
    elif spec is ONTO_CLAIM and method is CopyMethod.HOST_ASSISTED:
        assert looks == [known != DESTINATION]
    else:
        assert looks == [False]


def test_what_is_looked_at():
    (job,) = decide(ONTO.observe()).actions
    assert job == actions.CreateJob(
        name=f"detour-look-{UID[:8]}-1",
        switch_uid=SWITCH_UID,
        token=TOKEN,
        node="node",
        source_claim="source",
        copies=False,
        destination_claim=DESTINATION,
        size_bytes=None,
        se_linux_level="",
        method=CopyMethod.HOST_ASSISTED,
        look=True,
    )


def test_nobody_looks_before_it_is_known_which_claim_it_is():
    seen = ONTO.observe()
    compute = dataclasses.replace(seen.switch.status.compute, destination_claim=None)
    told = dataclasses.replace(seen.switch.status, compute=compute)
    switch = dataclasses.replace(seen.switch, status=told)
    decision = decide(dataclasses.replace(seen, switch=switch))
    assert decision.actions == ()
    assert decision.facts == {}


def test_that_it_is_empty_is_durable_before_anything_is_copied():
    seen = here(
        job="complete",
        looks=True,
        status=dataclasses.replace(STARTED, progress=Progress(percent=9)),
    ).observe()
    decision = decide(seen)
    assert decision.actions == ()
    after = status(seen, decision)
    assert after.empty_claim_uid == DESTINATION
    assert after.copied is None
    assert after.progress is None, "a copy that begins would count as one that does not get on"


def test_the_job_that_looked_goes_before_the_one_that_copies_comes():
    left = decide(here(job="complete", looks=True, status=KNOWN_EMPTY).observe())
    assert left.actions == (actions.DeleteJob("job", "job"),)
    (job,) = decide(here(status=KNOWN_EMPTY).observe()).actions
    assert not job.look


def test_a_copier_that_starts_again_is_not_asked_what_it_finds():
    assert decide(here(job="running", status=KNOWN_EMPTY).observe()).actions == ()
    (job,) = decide(here(status=KNOWN_EMPTY).observe()).actions
    assert (job.look, job.source_claim) == (False, "source")


def test_meanwhile_it_is_said():
    seen = here(job="running", looks=True, copier=True).observe()
    told = find(status(seen, decide(seen)).conditions, MigrationCondition.COPIED)
    assert (told.status, told.reason) == (Status.UNKNOWN, "CheckingDestination")


def test_a_claim_that_is_not_empty_ends_the_move_with_the_copiers_words():
    seen = here(job="failed", looks=True).observe()
    copier = SeenCopier(
        name="look", ended=True, result_reason="DestinationNotEmpty", result_message="it has a"
    )
    seen = dataclasses.replace(seen, copiers=(copier,))
    decision = decide(seen)
    assert decision.actions == ()
    told = find(status(seen, decision).conditions, MigrationCondition.COPIED)
    assert (told.status, told.reason, told.message) == (
        Status.FALSE,
        "DestinationNotEmpty",
        "it has a",
    )
