"""When the compute side does nothing: it waits for others, or for a person."""

import pytest

from detour_crds.attachment_switch import Handover, Order, OverlayFile, Position, Stopped
from detour_crds.conditions import Status, SwitchCondition, find
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Proof
from unit.operator.compute_switches import (
    BACK,
    MARKED,
    MIRRORED,
    ON_NEW,
    ORDERED,
    OVERLAY,
    WANTED,
    seen,
)

WAITS = {
    "U1 something could not be read": (seen(node={}, holder=Nothing.UNKNOWN), "CannotLook"),
    "U1 nor a cancel": (
        seen(compute=OVERLAY, wanted=Position.SOURCE, instance=Nothing.UNKNOWN),
        "CannotLook",
    ),
    "the node agent has not looked": (seen(compute={"locked": False}), "Inspecting"),
    "its report is of another token": (
        seen(compute={"locked": False}, node={"token": "other"}),
        "Inspecting",
    ),
    "L0 the lock does not bite": (
        seen(node={}, proof=Proof(bites=False, reason="LockNotEffective", message="m")),
        "LockNotEffective",
    ),
    "U2 the lock does not bite": (
        seen(
            compute=MIRRORED,
            node={"reached": Order.MIRRORED},
            proof=Proof(bites=False, reason="LockNotEffective", message="m"),
            **WANTED,
        ),
        "LockNotEffective",
    ),
    "the budget is being deleted": (seen(node={}, budget={"deleting": True}), "Preparing"),
    "the holder does not run": (seen(node={}, holder={"running": False}), "Holding"),
    "L2 the overlay is not there": (seen(compute=OVERLAY, node={}), "Diverting"),
    "L6 nothing asked for": (seen(compute=OVERLAY, node={"reached": Order.OVERLAY}), "Frozen"),
    "L6 no destination": (
        seen(
            compute=OVERLAY,
            node={"reached": Order.OVERLAY},
            destination_claim=Nothing.ABSENT,
            **WANTED,
        ),
        "DestinationNotFound",
    ),
    "L12 not mirrored": (
        seen(compute=MIRRORED, node={"reached": Order.OVERLAY}, **WANTED),
        "Merging",
    ),
    "L13 permission unknown yet": (
        seen(
            compute=MIRRORED, node={"reached": Order.MIRRORED}, permitted=Nothing.ABSENT, **WANTED
        ),
        "HandingOver",
    ),
    "L14 not switched": (
        seen(compute=ORDERED, node={"reached": Order.MIRRORED}, instance=ON_NEW, **WANTED),
        "Switching",
    ),
    "L20 KubeVirt has not noted the claim": (
        seen(
            compute=ORDERED,
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "claim_in_status": "old"},
            **WANTED,
        ),
        "HandingOver",
    ),
    "L20 the overlay is there": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION, "overlay": OverlayFile(name="o")},
            instance={"claim": "new", "fence": None},
            machine={"claim": "new", "strategy": "Migration"},
            **WANTED,
        ),
        "CleaningUp",
    ),
    "L20 not permitted: waits for a restart": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            instance={"fence": None},
            machine=ON_NEW,
            budget=Nothing.ABSENT,
            **WANTED,
        ),
        "RestartRequired",
    ),
    "C5 not committed": (
        seen(compute=BACK, node={}, instance={"fence": None}, wanted=Position.SOURCE),
        "Cancelling",
    ),
    "U3 the instance ended, QEMU unknown": (
        seen(compute=OVERLAY, node={}, instance={"phase": "Failed"}),
        "InstanceGone",
    ),
    "U3 no unlock beside an old QEMU": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "fence": None, "phase": "Failed"},
            machine={"claim": "new", "strategy": "Migration"},
            budget=Nothing.ABSENT,
            **WANTED,
        ),
        "InstanceGone",
    ),
}


@pytest.mark.parametrize(("found", "reason"), WAITS.values(), ids=WAITS)
def test_wait(found, reason):
    decision = decide(found)
    assert decision.reason == reason
    assert decision.actions == ()
    assert decision.status.compute == found.switch.compute
    assert decision.after is not None
    stalled = find(decision.status.conditions, SwitchCondition.STALLED)
    assert stalled.status is Status.FALSE


STALLS = {
    "the node agent stopped": (
        seen(compute=OVERLAY, node={"stopped": Stopped(reason="ForeignChain", message="m")}),
        "ForeignChain",
    ),
    "and even a cancel waits for a person": (
        seen(
            compute=OVERLAY,
            node={"stopped": Stopped(reason="ForeignChain", message="m")},
            wanted=Position.SOURCE,
        ),
        "ForeignChain",
    ),
    "the instance is on another node": (
        seen(compute=OVERLAY, node={}, instance={"node": "elsewhere"}),
        "InstanceMoved",
    ),
    "the instance names a third claim": (
        seen(
            compute=MIRRORED, node={"reached": Order.MIRRORED}, instance={"claim": "x"}, **WANTED
        ),
        "ClaimsDiffer",
    ),
    "the machine names a third claim": (
        seen(
            compute=ORDERED,
            node={"reached": Order.DESTINATION},
            instance=ON_NEW,
            machine={"claim": "x"},
            **WANTED,
        ),
        "ClaimsDiffer",
    ),
    "C11 the machine does not name the source": (
        seen(
            compute=BACK,
            node={"reached": Order.SOURCE},
            instance={"fence": None},
            machine={"claim": "x"},
            wanted=Position.SOURCE,
        ),
        "ClaimsDiffer",
    ),
}


@pytest.mark.parametrize(("found", "reason"), STALLS.values(), ids=STALLS)
def test_stall(found, reason):
    decision = decide(found)
    assert decision.actions == ()
    assert decision.status.compute == found.switch.compute
    stalled = find(decision.status.conditions, SwitchCondition.STALLED)
    assert (stalled.status, stalled.reason) == (Status.TRUE, reason)
    reconciling = find(decision.status.conditions, SwitchCondition.RECONCILING)
    assert reconciling.status is Status.FALSE
