"""A switch that asks QEMU to copy: the order Mirrored at once, and a source that is whole."""

import dataclasses

import pytest

from detour_crds.attachment_switch import (
    Merge,
    Merged,
    MirrorSpec,
    Order,
    Position,
    Qemu,
    Stage,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import WhenStopped
from detour_operator.compute_side import actions, limits
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from unit.operator.compute_switches import MIRRORED, ORDERED, seen

THEN, SOON, LATE = (f"2026-01-01T00:{minutes}:00Z" for minutes in ("00", "01", "20"))
READY = {"reached": Order.MIRRORED, "stage": Stage.MIRROR}
DESTINATION = Position.DESTINATION
GONE = {"qemu": Qemu.GONE, "stage": Stage.MIRROR}
ENDED = {"instance": {"phase": "Failed", "fence": None}, "budget": Nothing.ABSENT}


def by_qemu(*, when=WhenStopped.AUTO, destination=True, **facts):
    found = seen(**facts)
    spec = dataclasses.replace(found.switch.spec, mirror=MirrorSpec(), when_stopped=when)
    spec = spec if destination else dataclasses.replace(spec, destination=None)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=spec))


def order_of(decision):
    return decision.status.compute.order


def test_the_first_order_is_mirrored():
    decision = decide(by_qemu(node={}))
    assert order_of(decision) is Order.MIRRORED
    assert decision.reason == "Mirroring"


@pytest.mark.parametrize("named", [True, False])
def test_nothing_is_ordered_without_a_destination(named):
    facts = {"destination_claim": Nothing.ABSENT, "compute": {"destination_claim": None}}
    decision = decide(by_qemu(node={}, destination=named, **facts))
    assert order_of(decision) is Order.NONE
    assert decision.reason == "WaitingForDestination"


def test_the_source_is_not_called_frozen_and_both_are_kept_the_same_until_asked():
    decision = decide(by_qemu(compute=MIRRORED, node=READY))
    assert (decision.reason, decision.actions) == ("Mirrored", ())
    assert order_of(decision) is Order.MIRRORED
    frozen = find(decision.status.conditions, SwitchCondition.SOURCE_FROZEN)
    assert (frozen.status, frozen.reason) == (Status.FALSE, "NoOverlay")
    assert decision.status.position is Position.NOWHERE


def test_that_the_destination_was_asked_for_is_noted_then_the_instance_goes_first():
    decision = decide(by_qemu(compute=MIRRORED, node=READY, wanted=DESTINATION, now=SOON))
    noted = decision.status.compute.merged
    assert noted == Merged(left_bytes=0, time=SOON)
    compute = {**MIRRORED, "merged": noted}
    decision = decide(by_qemu(compute=compute, node=READY, wanted=DESTINATION, now=SOON))
    assert any(isinstance(action, actions.HandInstance) for action in decision.actions)


def test_waiting_has_no_limit_of_time_and_the_handover_has():
    compute = {**MIRRORED, "order_time": THEN}
    assert limits.overrun(by_qemu(compute=compute, node=READY, now=LATE)) is None
    asked = {**compute, "merged": Merged(left_bytes=0, time=THEN)}
    late = by_qemu(compute=asked, node=READY, wanted=DESTINATION, now=LATE)
    assert limits.overrun(late).reason == "HandoverTimedOut"


def test_a_copy_that_gets_on_is_noted_and_told():
    node = {"reached": Order.NONE, "stage": Stage.MIRROR}
    node["merge"] = Merge(bytes_done=60, bytes_total=100)
    decision = decide(by_qemu(compute=MIRRORED, node=node, now=SOON))
    assert decision.status.compute.merged == Merged(left_bytes=40, time=SOON)
    assert "60 percent" in decision.message


@pytest.mark.parametrize("wanted", [Position.FROZEN, DESTINATION])
def test_a_guest_that_stops_ends_it_on_the_source_without_a_finisher(wanted):
    decision = decide(by_qemu(compute=MIRRORED, node=GONE, wanted=wanted, **ENDED))
    assert decision.status.compute.cancel_reason == "GuestStopped"
    assert not any(isinstance(action, actions.CreateFinisher) for action in decision.actions)


def test_a_guest_that_stops_after_the_order_and_was_not_switched_ends_on_the_source():
    node = {**GONE, "stage": Stage.REFUSED, "refused": True}
    decision = decide(by_qemu(compute=ORDERED, node=node, wanted=DESTINATION, **ENDED))
    assert decision.status.compute.cancel_reason == "GuestStopped"


def test_a_guest_that_stops_amid_the_switch_has_both_claims_held_for_a_comparison():
    node = {**GONE, "stage": Stage.PIVOT}
    decision = decide(by_qemu(compute=ORDERED, node=node, wanted=DESTINATION, **ENDED))
    (create,) = decision.actions
    assert isinstance(create, actions.CreateFinisher)
    assert (create.source, create.destination) == ("old", "new")


def test_a_stopped_machine_is_frozen_as_ever():
    decision = decide(
        by_qemu(compute={"offline": True, "instance": None}, instance=Nothing.ABSENT)
    )
    assert decision.status.position is Position.FROZEN
    assert decision.reason == "Frozen"
