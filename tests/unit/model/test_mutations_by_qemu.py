"""Each rule of QEMU's own copy is needed: the model finds what breaks without it."""

import dataclasses

import pytest

from detour_agent.domain.situation import Job, PathImage
from detour_agent.domain.step import Action
from detour_agent.steps import direct
from detour_crds.attachment_switch import Order, Stage, Top
from detour_operator.compute_side import stopped, switching
from unit.model import ends, families
from unit.model.explore import explore
from unit.model.parts import REAL
from unit.model.test_mutations import anew, first_offence, instead, nothing

pytestmark = pytest.mark.thorough

PLAIN = families.quick("QEMU copies")
FAILS = families.quick("QEMU copies, the destination fails")
LOST = families.quick("QEMU copies, the guest is lost")
BOTH_LOST = families.quick("QEMU copies, guest and destination are lost")


def without_intent(wanted, seen):
    """An agent that switches without having journalled that it is about to."""
    ready = seen.job is Job.MIRROR_READY and wanted.order is Order.DESTINATION
    if seen.top is Top.SOURCE and seen.stage is Stage.MIRROR and ready:
        seen = dataclasses.replace(seen, stage=Stage.PIVOT)
    return REAL.agent(wanted, seen)


def believes_the_path(wanted, seen):
    """An agent that takes the path for the source's once it does not switch."""
    if not (seen.stage is Stage.PIVOT and seen.job is Job.MIRROR_READY):
        seen = dataclasses.replace(seen, path=PathImage.SOURCE)
    return REAL.agent(wanted, seen)


AGENT = {
    "a switch without the journal": (PLAIN, without_intent),
    "a copy ended by a path that is not looked at": (FAILS, believes_the_path),
    "a switch that was not seen counts": (
        BOTH_LOST,
        instead("M22", Action.JOURNAL, Stage.DONE),
    ),
    "a copy of a guest that is gone counts": (LOST, instead("M21", Action.JOURNAL, Stage.DONE)),
}


@pytest.mark.parametrize("name", AGENT)
def test_a_changed_agent_loses_writes(name, monkeypatch):
    family, decide = AGENT[name]
    monkeypatch.setattr(direct, "_at_path", nothing)
    assert first_offence(family, anew(decide)) == "no_write_is_lost"


STUCK = {
    "no promise never to switch": (FAILS, instead("M7", Action.WAIT)),
    "an intent that is not taken back": (FAILS, instead("M13", Action.WAIT)),
    "a guest that is gone and nobody says so": (LOST, instead("M21", Action.REST)),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_changed_agent_gets_stuck(name):
    family, decide = STUCK[name]
    assert ends.stuck(explore(family, anew(decide)).fair)


def test_source_and_destination_are_compared_with_the_claims_held(monkeypatch):
    monkeypatch.setattr(stopped, "hold", nothing)
    assert ends.stuck(explore(LOST, anew()).fair)


def test_the_order_destination_needs_the_instance(monkeypatch):
    monkeypatch.setattr(switching, "_instance_on_destination", nothing)
    assert first_offence(PLAIN, anew()) == "order_destination_needs_the_instance"
