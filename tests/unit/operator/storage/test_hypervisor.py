"""QEMU copies: what the storage side asks of the switch, when, and what it reads from it."""

import dataclasses

from detour_crds.attachment_switch import Merge, MirrorSpec, Order, Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import (
    CopyMethod,
    CopyMethodStatus,
    CopySpec,
    Phase,
    VolumeMigrationStatus,
)
from detour_operator.storage_side import actions, hypervisor
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage_seen import NOW
from unit.operator.storage_world import (
    DESTINATION,
    ONTO_CLAIM,
    OVERWRITE,
    SIZE,
    SPEC,
    SWITCH_UID,
    TOKEN,
    Switch,
    World,
    claim,
)

BY_QEMU = CopySpec(method=CopyMethod.HYPERVISOR, bandwidth_limit="1Mi")
EARLIER = "2026-01-01T00:00:00Z"
CHOSEN = VolumeMigrationStatus(
    copy_method=CopyMethodStatus(name="Hypervisor"), start_time=EARLIER, phase=Phase.COPYING
)


def world(spec=SPEC, at="locked", told=CHOSEN, **changes):
    wanted = dataclasses.replace(spec, copy=BY_QEMU)
    return World(
        spec=wanted, status=told, finalizer=True, claim=True, switch=Switch(at=at), **changes
    )


def observed(here, *, named=True, merge=None, reached=Order.NONE, offline=None, uid=None):
    """What is seen of it, with the switch as this method has it."""
    seen = here.observe()
    before = seen.switch
    compute = dataclasses.replace(
        before.status.compute,
        offline=offline,
        locked=here.switch.at != "new",
        lock_proven=here.switch.at != "new",
        destination_claim=before.status.compute.destination_claim if named else None,
    )
    node = dataclasses.replace(before.status.node, merge=merge, reached=reached)
    spec = dataclasses.replace(
        before.spec,
        mirror=MirrorSpec(),
        destination=before.spec.destination if named else None,
    )
    told = dataclasses.replace(before.status, compute=compute, node=node)
    switch = dataclasses.replace(before, spec=spec, status=told)
    there = claim(DESTINATION, uid=uid) if uid else claim(DESTINATION)
    return dataclasses.replace(seen, switch=switch, destination=there)


def first(spec):
    here = World(spec=dataclasses.replace(spec, copy=BY_QEMU), finalizer=True, claim=True)
    (create,) = decide(here.observe()).actions
    return create


def test_the_switch_is_told_and_gets_a_claim_that_may_be_written_over_at_once():
    create = first(OVERWRITE)
    assert create.spec.mirror == MirrorSpec(bandwidth_limit="1Mi")
    assert create.spec.destination.claim_name == DESTINATION


def test_a_claim_that_may_hold_something_is_not_named_before_it_was_seen_to_be_empty():
    assert first(ONTO_CLAIM).spec.destination is None
    seen = observed(world(ONTO_CLAIM), named=False)
    (look,) = decide(seen).actions
    assert isinstance(look, actions.CreateJob)
    assert (look.look, look.copies) == (True, False)


def test_what_was_seen_to_be_empty_is_recorded_and_then_named():
    looked = world(ONTO_CLAIM, job="complete", looks=True)
    seen = observed(looked, named=False)
    jobs = tuple(dataclasses.replace(job, method="Hypervisor") for job in seen.jobs)
    seen = dataclasses.replace(seen, jobs=jobs)
    assert decide(seen).facts == {"empty_claim_uid": seen.destination.uid}
    empty = dataclasses.replace(CHOSEN, empty_claim_uid=seen.destination.uid)
    seen = dataclasses.replace(seen, status=empty)
    assert [type(action) for action in decide(seen).actions] == [actions.DeleteJob]
    seen = dataclasses.replace(seen, jobs=())
    (name,) = decide(seen).actions
    assert isinstance(name, actions.NameDestination)
    assert name.claim == DESTINATION


def test_nothing_is_done_before_the_lock():
    assert decide(observed(world(at="new"))).actions == ()


def test_the_start_is_recorded_before_the_destination_is_written_to():
    begun = dataclasses.replace(CHOSEN, start_time=None)
    decision = decide(observed(world(ONTO_CLAIM, told=begun), named=False))
    assert (decision.facts, decision.actions) == ({"start_time": NOW}, ())


def test_it_is_copied_when_the_switch_says_so_and_then_completed():
    here = world()
    assert "copied" not in decide(observed(here)).facts
    seen = observed(here, reached=Order.MIRRORED)
    copied = decide(seen).facts["copied"]
    assert (copied.switch_uid, copied.token, copied.bytes) == (SWITCH_UID, TOKEN, SIZE)
    seen = dataclasses.replace(seen, status=dataclasses.replace(CHOSEN, copied=copied))
    (complete,) = decide(seen).actions
    assert complete.position is Position.DESTINATION
    held = dataclasses.replace(seen, spec=dataclasses.replace(seen.spec, hold=True))
    assert (decide(held).phase, decide(held).actions) == (Phase.HOLDING, ())


def test_another_tokens_word_is_nothing():
    seen = observed(world(), reached=Order.MIRRORED)
    node = dataclasses.replace(seen.switch.status.node, token="another")  # noqa: S106
    told = dataclasses.replace(seen.switch.status, node=node)
    seen = dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=told))
    assert "copied" not in decide(seen).facts


def test_progress_comes_from_the_node_with_its_rate():
    seen = observed(world(), merge=Merge(bytes_done=256, bytes_total=1024))
    seen = dataclasses.replace(hypervisor.with_progress(seen), now="2026-01-01T00:00:04Z")
    seen = hypervisor.with_progress(seen)
    progress = status(seen, decide(seen)).progress
    assert (progress.bytes_done, progress.bytes_total, progress.percent) == (256, 1024, 25)
    assert (progress.bytes_per_second, progress.eta_seconds) == (64, 12)
    later = dataclasses.replace(
        seen,
        now="2026-01-01T00:00:05Z",
        status=dataclasses.replace(CHOSEN, progress=progress),
    )
    assert hypervisor.with_progress(later).progress.bytes_per_second == 64


def test_a_stopped_machine_is_copied_by_a_job_once_it_is_frozen():
    seen = observed(world(at="locked"), offline=True)
    assert decide(seen).actions == ()
    seen = observed(world(at="frozen"), offline=True)
    (job,) = decide(seen).actions
    assert isinstance(job, actions.CreateJob)
    assert job.copies is True


def test_of_a_stopped_machine_the_claim_is_named_first_and_looked_at_as_ever():
    (name,) = decide(observed(world(ONTO_CLAIM, at="frozen"), offline=True, named=False)).actions
    assert isinstance(name, actions.NameDestination)
    (look,) = decide(observed(world(ONTO_CLAIM, at="frozen"), offline=True)).actions
    assert look.look is True


def test_the_source_is_not_called_frozen_nor_the_copy_done():
    seen = observed(world(at="locked"))
    told = status(seen, decide(seen))
    assert told.phase is Phase.COPYING
    copied = find(told.conditions, MigrationCondition.COPIED)
    assert copied.status is Status.UNKNOWN
