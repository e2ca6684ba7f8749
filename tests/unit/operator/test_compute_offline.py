"""A machine that is stopped at the start: rows F1 to F3 of docs/states.md."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Handover, Order, Position
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import HandoverMode
from detour_operator.compute_side import actions, fitting
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.destination import destination_noted
from detour_operator.compute_side.observation import Nothing, Proof
from unit.operator.compute_switches import FILLED, MARKED, SEEN, SWITCH, seen

STOPPED = {
    "instance": Nothing.ABSENT,
    "launcher": Nothing.ABSENT,
    "holder": Nothing.ABSENT,
    "budget": Nothing.ABSENT,
}
NOBODY = {
    "instance": None,
    "domain": None,
    "node": None,
    "launcher_pod": None,
    "holder_pod": None,
    "se_linux_level": None,
    "strategy_before": None,
}
FROZEN = {**NOBODY, "offline": True}
ORDERED = {**FROZEN, "order": Order.DESTINATION}


def stopped(compute=None, **others):
    return seen(compute={**NOBODY, **(compute or {})}, **{**STOPPED, **others})


def status_of(decision, kind):
    return find(decision.status.conditions, kind).status


def test_the_lock_is_put_on_first():
    decision = decide(stopped({"locked": False, "lock_proven": False}, proof=Nothing.ABSENT))
    assert decision.status.compute.locked is True
    assert not decision.status.compute.offline


def test_nothing_is_frozen_before_the_lock_was_seen_to_bite():
    decision = decide(stopped({"lock_proven": False}, proof=Proof(bites=False, reason="Slow")))
    assert not decision.status.compute.offline
    assert status_of(decision, SwitchCondition.SOURCE_FROZEN) is Status.FALSE


def test_the_lock_alone_freezes_the_source():
    decision = decide(stopped())
    assert decision.actions == ()
    assert decision.status.compute.offline is True
    assert decision.status.position is Position.FROZEN
    assert status_of(decision, SwitchCondition.SOURCE_FROZEN) is Status.TRUE


def test_a_machine_that_was_started_meanwhile_is_moved_live():
    decision = decide(stopped(instance=SEEN.instance, launcher=SEEN.launcher))
    assert decision.status.compute.node == "n"
    assert decision.status.compute.attempt == 2
    assert not decision.status.compute.offline


@pytest.mark.parametrize("position", [Position.FROZEN, Position.SOURCE])
def test_f2_nothing_is_touched_while_it_is_copied(position):
    decision = decide(stopped(FROZEN, wanted=position, position=Position.FROZEN))
    assert decision.actions == ()


def test_f2_the_order_comes_before_the_machine_so_that_no_cancel_comes_between():
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    decision = decide(stopped(FROZEN, **asked))
    assert decision.actions == ()
    assert decision.status.compute.order is Order.DESTINATION
    decision = decide(stopped(ORDERED, **asked))
    assert decision.actions == (actions.HandMachine("old", "new", live=False),)


NEW = dataclasses.replace(SEEN.destination_claim, requested_bytes=8, capacity_bytes=12)
OLD = dataclasses.replace(SEEN.source_claim, requested_bytes=10, capacity_bytes=12)
BLOCK = {"volume_mode": "Block"}
FITS = {
    "a file system as large as is asked for": (OLD, NEW),
    "one that is not bound yet": (
        OLD,
        dataclasses.replace(NEW, requested_bytes=10, capacity_bytes=None),
    ),
    "a device of the same size": (
        dataclasses.replace(OLD, **BLOCK),
        dataclasses.replace(NEW, **BLOCK),
    ),
    "a device for what is asked for of a file system": (
        OLD,
        dataclasses.replace(NEW, **BLOCK, capacity_bytes=10),
    ),
    "a file system for all of a device": (dataclasses.replace(OLD, **BLOCK), NEW),
}
UNFIT = {
    "too small": ({"capacity_bytes": 9}, {}, (), "DestinationTooSmall", "10"),
    "not bound yet and too small": ({"capacity_bytes": None}, {}, (), "DestinationTooSmall", "8"),
    "a device that is too small": (
        {**BLOCK, "capacity_bytes": 11},
        BLOCK,
        (),
        "DestinationTooSmall",
        "12",
    ),
    "a device that is smaller than what is asked for of a file system": (
        {**BLOCK, "capacity_bytes": 9},
        {},
        (),
        "DestinationTooSmall",
        "10",
    ),
    "a file system that is smaller than a device": (
        {"capacity_bytes": 11},
        BLOCK,
        (),
        "DestinationTooSmall",
        "12",
    ),
    "in use": ({}, {}, ("p1", "p2"), "DestinationInUse", "p1, p2"),
}
UNFITS = pytest.mark.parametrize(
    ("new", "old", "users", "reason", "told"), UNFIT.values(), ids=UNFIT
)


def claims(new, old, users):
    return {
        "destination_claim": dataclasses.replace(NEW, **new),
        "source_claim": dataclasses.replace(OLD, **old),
        "destination_users": users,
    }


@UNFITS
def test_d0_a_destination_that_cannot_take_the_disk_is_refused(new, old, users, reason, told):
    untouched = {"token": None, "locked": False, "lock_proven": False, "destination_claim": None}
    decision = decide(stopped(untouched, **claims(new, old, users)))
    accepted = find(decision.status.conditions, SwitchCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.FALSE, reason)
    assert told in accepted.message
    assert "spec.destination" in accepted.message
    assert (decision.actions, decision.status.compute.locked) == ((), False)


@UNFITS
@pytest.mark.parametrize("noted", [True, False])
def test_f2_one_that_was_named_late_is_not_gone_to(new, old, users, reason, told, noted):
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    compute = FROZEN if noted else {**FROZEN, "destination_claim": None}
    decision = decide(stopped(compute, **asked, **claims(new, old, users)))
    assert (decision.actions, decision.reason) == ((), reason)
    assert told in decision.message
    assert decision.status.compute.order is Order.NONE
    assert decision.status.position is Position.FROZEN
    assert status_of(decision, SwitchCondition.SOURCE_FROZEN) is Status.TRUE
    cancelled = decide(
        stopped(compute, **{**asked, "wanted": Position.SOURCE}, **claims(new, old, users))
    )
    assert cancelled.status.position is Position.SOURCE


@pytest.mark.parametrize(("old", "new"), FITS.values(), ids=FITS)
def test_f2_one_that_fits_is_gone_to(old, new):
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    decision = decide(stopped(FROZEN, **asked, source_claim=old, destination_claim=new))
    assert decision.status.compute.order is Order.DESTINATION


@pytest.mark.parametrize(("old", "new"), FITS.values(), ids=FITS)
def test_d0_one_that_fits_is_locked_and_frozen_for(old, new):
    claims = {"source_claim": old, "destination_claim": new}
    free = {"locked": False, "lock_proven": False}
    decision = decide(stopped(free, proof=Nothing.ABSENT, **claims))
    assert decision.status.compute.locked is True
    decision = decide(stopped(**claims))
    assert (decision.actions, decision.status.compute.offline) == ((), True)
    assert status_of(decision, SwitchCondition.SOURCE_FROZEN) is Status.TRUE


DEVICE = dataclasses.replace(NEW, **BLOCK)


def test_f1_a_machine_that_was_started_is_not_pointed_at_the_other_kind():
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    facts = {"source_claim": OLD, "destination_claim": DEVICE, "instance": SEEN.instance}
    decision = decide(stopped(FROZEN, **asked, **facts))
    assert decision.reason == "VirtualMachineStarted"
    assert decision.status.compute.order is Order.NONE
    assert not any(isinstance(one, actions.HandMachine) for one in decision.actions)


def test_d0_one_that_starts_while_it_is_being_locked_is_let_go():
    """The lock is on and not yet proven: an API server that is late may have let it start."""
    facts = {"source_claim": OLD, "destination_claim": DEVICE, "instance": SEEN.instance}
    decision = decide(seen(**facts, budget=Nothing.ABSENT, holder=Nothing.ABSENT))
    assert decision.reason == "VolumeModeDiffers"
    assert "stop the virtual machine" in decision.message
    compute = decision.status.compute
    assert (compute.offline, compute.order, compute.lock_proven) == (None, Order.NONE, False)


@pytest.mark.parametrize("instance", [SEEN.instance, Nothing.UNKNOWN])
def test_what_is_not_known_to_be_stopped_keeps_its_mode(instance):
    found = stopped(source_claim=OLD, destination_claim=DEVICE, instance=instance)
    assert fitting.mode(found).reason == "VolumeModeDiffers"


def test_a_lun_stays_a_device():
    given = {"source_claim": dataclasses.replace(OLD, **BLOCK), "destination_claim": NEW}
    told = fitting.mode(stopped(machine={"lun": True}, **given))
    assert told.reason == "LunNeedsBlock"
    assert "data" in told.message
    assert fitting.mode(stopped(machine={"lun": False}, **given)) is None
    into = {"source_claim": OLD, "destination_claim": DEVICE}
    assert fitting.mode(stopped(machine={"lun": True}, **into)) is None


@pytest.mark.parametrize("instance", [SEEN.instance, Nothing.ABSENT])
def test_an_overlay_is_not_merged_onto_the_other_kind(instance):
    """Named late, for a guest that ran when its source was frozen, whether it runs or not."""
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    facts = {"source_claim": OLD, "destination_claim": DEVICE, "instance": instance}
    found = seen(compute={"order": Order.OVERLAY, "destination_claim": None}, **asked, **facts)
    step = destination_noted(found)
    assert (step.reason, step.compute) == ("VolumeModeDiffers", None)
    assert "cancel" in step.message
    same = dataclasses.replace(found, destination_claim=NEW)
    assert destination_noted(same).compute.destination_claim.name == NEW.name


def test_the_node_agent_compares_the_images_of_a_guest_that_runs():
    """Their claims may ask for more than they hold."""
    small = dataclasses.replace(NEW, capacity_bytes=9)
    assert fitting.destination(seen(source_claim=OLD, destination_claim=small)) is None


def test_f2_a_dry_run_ends_before_the_lock():
    spec = dataclasses.replace(SWITCH.spec, dry_run=True)
    found = stopped({"locked": False, "lock_proven": False}, proof=Nothing.ABSENT)
    asked = dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))
    decision = decide(asked)
    assert decision.reason == "DryRunPassed"
    assert not decision.status.compute.locked


def test_f2_a_machine_whose_manifest_is_in_git_is_left_to_its_owner():
    found = stopped(ORDERED, wanted=Position.DESTINATION, position=Position.FROZEN)
    spec = dataclasses.replace(found.switch.spec, handover=HandoverMode.WAIT_FOR_DECLARED)
    asked = dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))
    decision = decide(asked)
    assert decision.actions == ()
    assert decision.status.compute.handover is Handover.WAITING
    assert "claimName: new" in decision.message


def test_f2_a_cancel_only_drops_the_lock():
    decision = decide(stopped(FROZEN, wanted=Position.SOURCE, position=Position.FROZEN))
    assert decision.status.position is Position.SOURCE
    assert decision.status.compute.locked is False


def test_f1_a_guest_that_was_started_stays_on_the_source():
    running = {"instance": SEEN.instance, "wanted": Position.DESTINATION}
    decision = decide(stopped(FROZEN, position=Position.FROZEN, **running))
    assert decision.actions == ()
    assert (decision.status.position, decision.reason) == (
        Position.SOURCE,
        "VirtualMachineStarted",
    )


def test_f1_once_the_machine_may_be_on_its_way_a_person_decides():
    running = {"instance": SEEN.instance, "wanted": Position.DESTINATION}
    decision = decide(stopped(ORDERED, position=Position.FROZEN, **running))
    assert decision.actions == ()
    assert decision.status.compute.locked is True
    assert status_of(decision, SwitchCondition.STALLED) is Status.TRUE
    assert status_of(decision, SwitchCondition.SOURCE_FROZEN) is Status.FALSE


def test_f3_the_lock_comes_off_when_the_machine_names_the_destination():
    asked = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
    there = {"machine": {"claim": "new"}, **asked}
    assert decide(stopped(ORDERED, **there)).actions == (
        actions.MarkSuperseded(disk="vm/data", by="new"),
    )
    there |= {"source_claim": MARKED, "destination_claim": SEEN.destination_claim}
    assert decide(stopped(ORDERED, **there)).actions == (actions.MarkFilled(disk="vm/data"),)
    there["destination_claim"] = FILLED
    decision = decide(stopped(ORDERED, **there))
    assert decision.status.compute.handover is Handover.DONE
    decision = decide(stopped({**ORDERED, "handover": Handover.DONE}, **there))
    assert decision.status.position is Position.DESTINATION
    assert decision.status.compute.locked is False
    assert status_of(decision, SwitchCondition.READY) is Status.TRUE


def test_a_claim_that_is_written_over_has_no_disk_of_an_earlier_move():
    decision = decide(stopped(destination_claim=FILLED))
    assert decision.actions == (actions.MarkFilled(disk=None),)
    assert decision.status.compute.locked
    assert not decision.status.compute.offline, "before anybody copies"


def test_u2_a_lock_that_was_taken_off_comes_first():
    decision = decide(stopped({**FROZEN, "locked": False}, position=Position.FROZEN))
    assert decision.status.compute.locked is True
    assert decision.actions == ()
