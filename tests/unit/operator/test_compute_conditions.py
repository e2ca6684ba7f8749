"""What the switch's conditions tell its caller."""

import pytest

from detour_crds.attachment_switch import Inspection, Order, Position
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
