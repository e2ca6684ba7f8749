"""The answers to a stop stand in one place: who acts on them and the page agree with it."""

import itertools
import re

import pytest

from detour_agent.domain import trusting
from detour_agent.domain.situation import Seen, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds import answers, stops
from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    MirrorSpec,
    Node,
    Order,
    Position,
    Qemu,
    Stage,
    Top,
)
from detour_crds.volume_migration import OverlayPlace, OverlaySpec, Trust, VirtualMachineRef
from unit.kubectl_plugin import reasons_page

TOKEN = "12345678-1"  # noqa: S105
NAMED = re.compile(r"trust: ([A-Z][a-z]+)")
LATER = {
    Order.SOURCE: (Order.SOURCE,),
    Order.DESTINATION: (Order.DESTINATION,),
}
"""The orders that may still come, itself among them; of all others every one may."""


def spec(*, direct=False, where=OverlayPlace.NODE_LOCAL, position=Position.FROZEN):
    return AttachmentSwitchSpec(
        virtual_machine=VirtualMachineRef(name="web"),
        volume="data",
        overlay=OverlaySpec(where=where),
        mirror=MirrorSpec() if direct else None,
        position=position,
    )


def fitting(stop, *, order=Order.OVERLAY, node=None, **about):
    status = AttachmentSwitchStatus(compute=Compute(token=TOKEN, order=order), node=node)
    return answers.fitting(stop, spec(**about), status)


def acts(reason, trust, order, node, *, direct=False):
    """Whether the node agent does something other than stop."""
    wanted = Wanted(
        order=order, trust=trust, answered=reason, refused=node.refused is True, direct=direct
    )
    running = reason == answers.AGAINST_RECORD
    stage = Stage.MISSING if reason == "JournalMissing" else Stage.PIVOT
    qemu = Qemu.RUNNING if running else Qemu.GONE
    stop = Step("X", Action.STOP, reason=reason)
    return trusting.answered(wanted, Seen(qemu=qemu, top=node.top, stage=stage), stop) != stop


def tops(reason):
    return tuple(Top) if reason == answers.AGAINST_RECORD else (Top.UNKNOWN,)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("order", [order for order in Order if order is not Order.NONE])
@pytest.mark.parametrize("reason", stops.OF_GUEST)
def test_the_node_agent_acts_on_those_that_fit_and_on_no_others(reason, order, direct):
    stop = stops.of_guest(reason, TOKEN)
    for top, refused, trust in itertools.product(tops(reason), (None, True), Trust):
        node = Node(token=TOKEN, top=top, refused=refused)
        fits = trust in fitting(stop, order=order, node=node, direct=direct)
        now = acts(reason, trust, order, node, direct=direct)
        later = any(
            acts(reason, trust, then, node, direct=direct)
            for then in LATER.get(order, (Order.DESTINATION, Order.SOURCE))
        )
        assert not now or fits, (top, refused, trust)
        assert fits == later, (top, refused, trust)


def test_every_stop_of_the_node_agent_that_takes_an_answer_has_some():
    assert {*answers.OF_GONE, answers.AGAINST_RECORD} == set(stops.OF_GUEST)
    assert set(answers.OF_GONE_DIRECT) < set(answers.OF_GONE)


@pytest.mark.parametrize("stop", ["ForeignChain", f"Another-{TOKEN}", ""])
def test_a_stop_that_takes_no_answer_has_none(stop):
    assert fitting(stop) == ()


@pytest.mark.parametrize(
    ("facts", "fit"),
    [
        ({}, (Trust.SOURCE,)),
        ({"where": OverlayPlace.CLAIM}, (Trust.SOURCE, Trust.OVERLAY)),
        ({"where": OverlayPlace.SOURCE_VOLUME}, (Trust.SOURCE, Trust.OVERLAY)),
        ({"position": Position.DESTINATION}, (Trust.SOURCE, Trust.DESTINATION)),
        ({"order": Order.DESTINATION, "node": Node(reached=Order.MIRRORED)}, (Trust.SOURCE,)),
        (
            {"order": Order.DESTINATION, "node": Node(reached=Order.DESTINATION)},
            (Trust.DESTINATION,),
        ),
        ({"order": Order.SOURCE, "node": Node(reached=Order.SOURCE)}, (Trust.SOURCE,)),
    ],
)
def test_what_a_lost_node_leaves_to_be_trusted(facts, fit):
    assert fitting(stops.of_lost_node(TOKEN, 2), **facts) == fit


def told():
    """The answers that each row of the page's table of stops names."""
    rows = reasons_page.entries(reasons_page.PAGE.read_text())
    return {
        row["reason"]: set(NAMED.findall(row["nextStep"]))
        for row in rows
        if row["section"] == "stalled-a-person-must-act"
    }


def test_the_page_names_for_each_stop_the_answers_that_it_takes():
    every = {
        reason: {*fit, *answers.OF_GONE_DIRECT.get(reason, ())}
        for reason, fit in answers.OF_GONE.items()
    }
    every |= {stops.NODE_LOST: set(Trust), answers.AGAINST_RECORD: set(answers.ON_TOP.values())}
    assert {reason: named for reason, named in told().items() if named} == every
