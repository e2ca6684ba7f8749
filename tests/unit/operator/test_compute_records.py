"""What the compute side records in the switch, by the rows and rules of docs/states.md."""

import pytest

from detour_crds.attachment_switch import Handover, LastError, Order, Position
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

FAILED = LastError(reason="DestinationFailed", message="no space")

RECORDS = {
    "L0 lock": (
        seen(compute={"locked": False, "strategy_before": None}, node={}),
        {"locked": True, "lock_proven": False},
    ),
    "L0 proven by a look after the proof": (
        seen(compute={"lock_proven": False, "strategy_before": None}, node={}),
        {"lock_proven": True},
    ),
    "L0 strategy noted": (
        seen(compute={"strategy_before": None}, node={}, machine={"strategy": "Replacement"}),
        {"strategy_before": "Replacement"},
    ),
    "L0 order Overlay": (seen(node={}), {"order": Order.OVERLAY}),
    "L0 a refusal takes the proof back first": (
        seen(node={}, instance={"paused": True}),
        {"lock_proven": False},
    ),
    "L0 a start given up is undone though its reason went": (
        seen(
            compute={"lock_proven": False},
            node={},
            instance={"fence": None},
            holder=Nothing.ABSENT,
            budget=Nothing.ABSENT,
        ),
        {"locked": False, "strategy_before": None},
    ),
    "L0 cancel": (
        seen(
            compute={"lock_proven": False},
            wanted=Position.SOURCE,
            instance={"fence": None},
            holder=Nothing.ABSENT,
            budget=Nothing.ABSENT,
        ),
        {"locked": False, "strategy_before": None},
    ),
    "L6 order Mirrored": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY}, **WANTED),
        {"order": Order.MIRRORED},
    ),
    "L13 handed over": (
        seen(compute=MIRRORED, node={"reached": Order.MIRRORED}, instance=ON_NEW, **WANTED),
        {"handover": Handover.INSTANCE},
    ),
    "L13 not permitted": (
        seen(compute=MIRRORED, node={"reached": Order.MIRRORED}, permitted=False, **WANTED),
        {"handover": Handover.NOT_PERMITTED},
    ),
    "L13 order Destination": (
        seen(
            compute={**MIRRORED, "handover": Handover.INSTANCE},
            node={"reached": Order.MIRRORED},
            instance=ON_NEW,
            **WANTED,
        ),
        {"order": Order.DESTINATION},
    ),
    "L10 Detour turns back for good": (
        seen(compute=MIRRORED, node={"reached": Order.OVERLAY, "last_error": FAILED}, **WANTED),
        {"handover": Handover.NOT_NEEDED, "cancel_reason": "DestinationFailed"},
    ),
    "L10 though the mirror mends": (
        seen(
            compute={**MIRRORED, "handover": Handover.NOT_NEEDED},
            node={"reached": Order.MIRRORED},
            instance={"fence": None},
            **WANTED,
        ),
        {"order": Order.SOURCE},
    ),
    "L17 order Source after the promise": (
        seen(
            compute={**ORDERED, "handover": Handover.NOT_NEEDED},
            node={"reached": Order.OVERLAY, "refused": True},
            instance={"fence": None},
            **WANTED,
        ),
        {"order": Order.SOURCE},
    ),
    "cancel: order Source": (
        seen(
            compute=OVERLAY,
            node={"reached": Order.OVERLAY},
            instance={"fence": None},
            wanted=Position.SOURCE,
        ),
        {"order": Order.SOURCE},
    ),
    "C11 unlock": (
        seen(
            compute=BACK,
            node={"reached": Order.SOURCE},
            instance={"fence": None},
            holder=Nothing.ABSENT,
            budget=Nothing.ABSENT,
            wanted=Position.SOURCE,
        ),
        {"locked": False, "lock_proven": False, "strategy_before": None},
    ),
    "L20 unlock": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "fence": None},
            machine={"claim": "new", "strategy": "Migration"},
            budget=Nothing.ABSENT,
            **WANTED,
        ),
        {"locked": False, "lock_proven": False, "strategy_before": None},
    ),
    "L20 not permitted: unlock after the restart": (
        seen(
            source_claim=MARKED,
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "uid": "later", "fence": None},
            machine=ON_NEW,
            budget=Nothing.ABSENT,
            wanted=Position.DESTINATION,
            position=Position.DESTINATION,
        ),
        {"locked": False, "lock_proven": False, "strategy_before": None},
    ),
    "U2 the lock first": (
        seen(
            compute={**MIRRORED, "locked": False},
            node={"reached": Order.MIRRORED},
            proof=Nothing.ABSENT,
            **WANTED,
        ),
        {"locked": True, "lock_proven": False},
    ),
    "U2 and its proof": (
        seen(
            compute={**MIRRORED, "lock_proven": False}, node={"reached": Order.MIRRORED}, **WANTED
        ),
        {"lock_proven": True},
    ),
}


@pytest.mark.parametrize(("found", "changes"), RECORDS.values(), ids=RECORDS)
def test_record(found, changes):
    decision = decide(found)
    assert decision.actions == ()
    before, after = found.switch.compute, decision.status.compute
    fields = before.__dataclass_fields__
    changed = {
        name: getattr(after, name)
        for name in fields
        if getattr(after, name) != getattr(before, name)
    }
    assert changed == {
        name: value for name, value in changes.items() if getattr(before, name) != value
    }


def test_a_new_attempt_has_a_new_token():
    before = seen(compute={"locked": False, "lock_proven": False, "strategy_before": None})
    restarted = seen(
        compute={"locked": False, "lock_proven": False, "strategy_before": None},
        node={},
        instance={"uid": "later"},
    )
    assert decide(before).status.compute.token == TOKEN
    after = decide(restarted).status.compute
    assert (after.token, after.attempt) == ("12345678-2", 2)
    assert after.instance.uid == "later"
