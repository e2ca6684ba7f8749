"""What the compute side does to other objects, by the rows and rules of docs/states.md."""

import pytest

from detour_crds.attachment_switch import Handover, Order, Position, Qemu
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from unit.operator.compute_switches import (
    BACK,
    MARKED,
    MIRRORED,
    ON_NEW,
    ORDERED,
    OVERLAY,
    TOKEN,
    WANTED,
    seen,
)

ACTIONS = {
    "L0 strategy off": (
        seen(node={}, machine={"strategy": "Migration"}),
        actions.TakeStrategyOff(),
    ),
    "L0 fence opened with the token": (
        seen(node={}, instance={"fence": None}),
        actions.OpenFence(TOKEN),
    ),
    "L0 an older fence": (seen(node={}, instance={"fence": "older"}), actions.OpenFence(TOKEN)),
    "L0 budget created": (
        seen(node={}, budget=Nothing.ABSENT),
        actions.CreateBudget("vmi-uid"),
    ),
    "L0 budget of an older instance": (
        seen(node={}, budget={"instance": "older"}),
        actions.DeleteBudget("budget-uid"),
    ),
    "L6 a budget that somebody removed": (
        seen(
            compute=OVERLAY,
            node={"reached": Order.OVERLAY},
            position=Position.FROZEN,
            budget=Nothing.ABSENT,
        ),
        actions.CreateBudget("vmi-uid"),
    ),
    "L20 budget deleted before the unlock": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "fence": None},
            machine={"claim": "new", "strategy": "Migration"},
            **WANTED,
        ),
        actions.DeleteBudget("budget-uid"),
    ),
    "L20 not permitted: the restart may come by an eviction": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            instance={"fence": None},
            machine=ON_NEW,
            **WANTED,
        ),
        actions.DeleteBudget("budget-uid"),
    ),
    "C11 budget deleted": (
        seen(
            compute=BACK,
            node={"reached": Order.SOURCE},
            instance={"fence": None},
            holder=Nothing.ABSENT,
            wanted=Position.SOURCE,
        ),
        actions.DeleteBudget("budget-uid"),
    ),
    "L0 holder created": (seen(node={}, holder=Nothing.ABSENT), actions.CreateHolder("new", "n")),
    "L0 holder of an older launcher": (
        seen(node={}, holder={"owner": "gone"}),
        actions.DeleteHolder("holder-uid"),
    ),
    "L13 instance to the destination": (
        seen(compute=MIRRORED, node={"reached": Order.MIRRORED}, **WANTED),
        actions.HandInstance("old", "new", TOKEN),
    ),
    "L13 only through an open fence": (
        seen(
            compute=MIRRORED, node={"reached": Order.MIRRORED}, instance={"fence": None}, **WANTED
        ),
        actions.OpenFence(TOKEN),
    ),
    "L13 the strategy came back": (
        seen(
            compute=MIRRORED,
            node={"reached": Order.MIRRORED},
            machine={"strategy": "Migration"},
            **WANTED,
        ),
        actions.TakeStrategyOff(),
    ),
    "U6 migratedVolumes taken away": (
        seen(
            compute=MIRRORED,
            node={"reached": Order.MIRRORED},
            instance={"claim": "new", "handing_over": True},
            **WANTED,
        ),
        actions.FinishInstance(),
    ),
    "L20 instance to the destination if it is not": (
        seen(compute=ORDERED, node={"reached": Order.DESTINATION}, **WANTED),
        actions.HandInstance("old", "new", TOKEN),
    ),
    "L20 machine to the destination": (
        seen(compute=ORDERED, node={"reached": Order.DESTINATION}, instance=ON_NEW, **WANTED),
        actions.HandMachine("old", "new", live=True),
    ),
    "L20 machine names it, without the strategy": (
        seen(
            compute=ORDERED,
            node={"reached": Order.DESTINATION},
            instance=ON_NEW,
            machine=ON_NEW,
            **WANTED,
        ),
        actions.HandMachine("new", "new", live=True),
    ),
    "L20 not permitted: the machine alone, without a strategy": (
        seen(
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            **WANTED,
        ),
        actions.HandMachine("old", "new", live=False),
    ),
    "D9 the machine, though the guest is gone": (
        seen(
            compute=ORDERED,
            node={"reached": Order.DESTINATION, "qemu": Qemu.GONE},
            instance={"phase": "Failed"},
            **WANTED,
        ),
        actions.HandMachine("old", "new", live=False),
    ),
    "L20 fence closed": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance=ON_NEW,
            machine={"claim": "new", "strategy": "Migration"},
            **WANTED,
        ),
        actions.CloseFence(),
    ),
    "cancel: instance back first": (
        seen(
            compute={**MIRRORED, "handover": Handover.INSTANCE},
            node={"reached": Order.MIRRORED},
            instance=ON_NEW,
            wanted=Position.SOURCE,
        ),
        actions.HandInstance("new", "old", TOKEN),
    ),
    "cancel: fence closed before the order": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY}, wanted=Position.SOURCE),
        actions.CloseFence(),
    ),
    "C11 strategy put back": (
        seen(
            compute={**BACK, "strategy_before": "Migration"},
            node={"reached": Order.SOURCE},
            instance={"fence": None},
            wanted=Position.SOURCE,
        ),
        actions.PutStrategyBack("Migration"),
    ),
    "C11 holder deleted": (
        seen(
            compute=BACK,
            node={"reached": Order.SOURCE},
            instance={"fence": None},
            wanted=Position.SOURCE,
        ),
        actions.DeleteHolder("holder-uid"),
    ),
    "R9 deletion cancels while it can": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY}, switch={"deleting": True}),
        actions.CloseFence(),
    ),
    "R9 deletion after the order Destination does not": (
        seen(
            compute=ORDERED,
            node={"reached": Order.DESTINATION},
            instance=ON_NEW,
            switch={"deleting": True},
            **WANTED,
        ),
        actions.HandMachine("old", "new", live=True),
    ),
    "first visit": (seen(switch={"finalizer": False}), actions.AddFinalizer()),
    "ended and deleted": (
        seen(compute={"locked": False}, position=Position.SOURCE, switch={"deleting": True}),
        actions.RemoveFinalizer(),
    ),
}


@pytest.mark.parametrize(("found", "action"), ACTIONS.values(), ids=ACTIONS)
def test_action(found, action):
    decision = decide(found)
    assert decision.actions == (action,)
    assert decision.status.compute == found.switch.compute
