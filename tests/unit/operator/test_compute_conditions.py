"""What the switch's conditions tell its caller."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Handover, Inspection, Order, Position
from detour_crds.conditions import Status, SwitchCondition, find
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from unit.operator.compute_switches import BACK, MIRRORED, ORDERED, OVERLAY, WANTED, seen

NODE_REFUSES = Inspection(reason="ChainNotPlain", message="a snapshot")


def test_the_refusal_of_the_node_agent_is_the_switchs():
    untouched = {"locked": False, "lock_proven": False, "strategy_before": None}
    found = seen(
        compute=untouched,
        node={"inspection": NODE_REFUSES},
        instance={"fence": None},
        holder=Nothing.ABSENT,
        budget=Nothing.ABSENT,
    )
    decision = decide(found)
    accepted = find(decision.status.conditions, SwitchCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.FALSE, "ChainNotPlain")
    assert decision.after == 30
    assert decision.actions == ()


def conditions_of(found):
    return {item.type: item.status for item in decide(found).status.conditions}


def test_every_condition_is_there_from_the_first_pass_on():
    found = conditions_of(seen(compute={"token": None, "locked": False}))
    assert set(found) == {kind.value for kind in SwitchCondition}


@pytest.mark.parametrize(
    ("found", "frozen", "released"),
    [
        (seen(compute=OVERLAY, node={}), "False", "False"),
        (seen(compute=OVERLAY, node={"reached": Order.OVERLAY}), "True", "False"),
        (seen(compute=MIRRORED, node=None, **WANTED), "True", "False"),
        (seen(compute=ORDERED, node={"reached": Order.DESTINATION}, **WANTED), "True", "True"),
        (seen(compute=BACK, node={}, wanted=Position.SOURCE), "False", "False"),
    ],
    ids=["diverting", "frozen", "merging, node silent", "released", "cancelling"],
)
def test_what_the_caller_reads(found, frozen, released):
    conditions = conditions_of(found)
    assert conditions["SourceFrozen"] == frozen
    assert conditions["SourceReleased"] == released


def handed_over(**facts):
    found = seen(
        compute={**ORDERED, "handover": Handover.DONE},
        node={"reached": Order.DESTINATION},
        instance={"claim": "new"},
        **facts,
        **WANTED,
    )
    return found, find(decide(found).status.conditions, SwitchCondition.HANDED_OVER)


@pytest.mark.parametrize(("strategy", "told"), [("Migration", True), ("", False)])
def test_what_the_strategy_that_the_handover_sets_has_kubevirt_leave_undone(strategy, told):
    _, condition = handed_over(machine={"claim": "new", "strategy": strategy})
    assert (condition.status, condition.reason) == (Status.TRUE, "Done")
    assert ("hotplugged" in condition.message) is told


def test_that_stays_once_the_machine_is_looked_at_no_more():
    found, condition = handed_over(machine={"claim": "new", "strategy": "Migration"})
    compute = dataclasses.replace(found.switch.compute, locked=False)
    status = dataclasses.replace(
        found.switch.status,
        position=Position.DESTINATION,
        compute=compute,
        conditions=(condition,),
    )
    ended = dataclasses.replace(
        found,
        switch=dataclasses.replace(found.switch, status=status),
        machine=Nothing.ABSENT,
        instance=Nothing.ABSENT,
    )
    told = find(decide(ended).status.conditions, SwitchCondition.HANDED_OVER)
    assert told.message == condition.message
