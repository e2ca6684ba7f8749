"""The decisions one by one, named after the rows and rules of docs/states.md."""

import pytest

from detour_crds.attachment_switch import (
    Handover,
    Inspection,
    LastError,
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stopped,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Proof
from unit.operator.compute_switches import TOKEN, seen

OVERLAY = {"order": Order.OVERLAY}
MIRRORED = {"order": Order.MIRRORED}
ORDERED = {"order": Order.DESTINATION, "handover": Handover.INSTANCE}
BACK = {"order": Order.SOURCE}
ON_NEW = {"claim": "new"}
WANTED = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
NODE_REFUSES = Inspection(reason="ChainNotPlain", message="a snapshot")
FAILED = LastError(reason="DestinationFailed", message="no space")

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
        actions.HandMachine("old", "new", live=True),
    ),
    "L20 fence closed": (
        seen(
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
        ),
        {"locked": False, "strategy_before": None},
    ),
    "L0 cancel": (
        seen(
            compute={"lock_proven": False},
            wanted=Position.SOURCE,
            instance={"fence": None},
            holder=Nothing.ABSENT,
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
        {"handover": Handover.NOT_NEEDED},
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
            wanted=Position.SOURCE,
        ),
        {"locked": False, "lock_proven": False, "strategy_before": None},
    ),
    "L20 unlock": (
        seen(
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "fence": None},
            machine={"claim": "new", "strategy": "Migration"},
            **WANTED,
        ),
        {"locked": False, "lock_proven": False, "strategy_before": None},
    ),
    "L20 not permitted: unlock after the restart": (
        seen(
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "uid": "later", "fence": None},
            machine=ON_NEW,
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
            compute={**ORDERED, "handover": Handover.NOT_PERMITTED},
            node={"reached": Order.DESTINATION},
            instance={"fence": None},
            machine=ON_NEW,
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
            compute={**ORDERED, "handover": Handover.DONE},
            node={"reached": Order.DESTINATION},
            instance={"claim": "new", "fence": None, "phase": "Failed"},
            machine={"claim": "new", "strategy": "Migration"},
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
    "R7 the guest stopped": (seen(compute=OVERLAY, node={"qemu": Qemu.GONE}), "GuestStopped"),
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


def test_the_refusal_of_the_node_agent_is_the_switchs():
    untouched = {"locked": False, "lock_proven": False, "strategy_before": None}
    found = seen(
        compute=untouched,
        node={"inspection": NODE_REFUSES},
        instance={"fence": None},
        holder=Nothing.ABSENT,
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
