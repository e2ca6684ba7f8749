"""Health at every stage, by the engines that GitOps tools judge it with."""

import dataclasses

import pytest

from detour_crds import names
from detour_crds.attachment_switch import Handover, LastError, Order, Position, Qemu
from detour_crds.conditions import stamped
from detour_crds.serialise import serialise
from detour_crds.volume_migration import Copied, HandoverMode, VolumeMigrationStatus
from detour_operator.compute_side.decisions import decide as decide_switch
from detour_operator.compute_side.observation import Nothing
from detour_operator.storage_side import preflight
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.observation import Aftermath, SeenVirtualMachine
from detour_operator.storage_side.status import status
from gitops.engines import verdicts
from unit.operator import compute_switches
from unit.operator.storage_world import (
    DESTINATION,
    NOW,
    SIZE,
    SOURCE,
    SPEC,
    SWITCH_UID,
    TOKEN,
    Switch,
    World,
    claim,
    condition,
)

pytestmark = pytest.mark.timeout(1800)  # the engines may have to be built first

COPIED = Copied(switch_uid=SWITCH_UID, token=TOKEN, bytes=SIZE)
STARTED = VolumeMigrationStatus(
    start_time=NOW, source_claim=SOURCE, source_claim_uid=SOURCE, destination_claim=DESTINATION
)
BEGUN = World(finalizer=True, claim=True)
FROZEN = World(finalizer=True, claim=True, switch=Switch(at="frozen"), status=STARTED)
CANCEL = dataclasses.replace(SPEC, cancel=True)


def at(base=FROZEN, **changes):
    return dataclasses.replace(base, **changes).observe()


def asked(at_, **changes):
    return at(switch=Switch(Position.DESTINATION, at_), **changes)


def told(seen, kind, reason, is_true):
    """The same, of a switch that tells something else."""
    item = condition(kind, is_true, reason)
    kept = tuple(old for old in seen.switch.status.conditions if old.type != kind)
    changed = dataclasses.replace(seen.switch.status, conditions=(*kept, item))
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=changed))


def there():
    seen = at(BEGUN, vm=DESTINATION)
    around = dataclasses.replace(
        seen.surroundings, destination=claim(DESTINATION, holds="vm/data")
    )
    assert isinstance(preflight.check(seen, around), preflight.AlreadyThere)
    return dataclasses.replace(seen, surroundings=around)


def nowhere():
    seen = at(BEGUN, claim=False)
    around = dataclasses.replace(seen.surroundings, virtual_machine=None)
    return dataclasses.replace(seen, surroundings=around)


def again(seen, **changes):
    """What is seen after the status of a first look was written."""
    return dataclasses.replace(seen, status=status(seen, decide(seen)), **changes)


def drifted():
    machine = SeenVirtualMachine(name="vm", uid="vm", claims={"data": SOURCE})
    stale = claim(SOURCE, superseded_for="vm/data")
    after = Aftermath(virtual_machine=machine, source=stale, source_users=())
    return again(asked("destination"), aftermath=after)


UNDER_WAY = ("InProgress", "Progressing", "InProgress")
REFUSED = ("InProgress", "Degraded", "Failed")
WAITS = ("InProgress", "Suspended", "InProgress")
WELL = ("Current", "Healthy", "Current")
BAD = ("Failed", "Degraded", "Failed")

STAGES = {
    "Pending": (at(World()), UNDER_WAY),
    "Refused by the storage side": (nowhere(), REFUSED),
    "Refused": (at(switch=Switch(at="refused"), status=VolumeMigrationStatus()), REFUSED),
    "Preparing": (at(switch=Switch()), UNDER_WAY),
    "Freezing": (told(at(switch=Switch()), "Locked", "Locked", is_true=True), UNDER_WAY),
    "Copying": (at(job="running", copier=True), UNDER_WAY),
    "Holding": (
        at(
            spec=dataclasses.replace(SPEC, hold=True),
            status=dataclasses.replace(STARTED, copied=COPIED),
        ),
        WAITS,
    ),
    "Merging": (asked("frozen"), UNDER_WAY),
    "Switching": (asked("ordered"), UNDER_WAY),
    "CleaningUp": (told(asked("ordered"), "SourceReleased", "Released", is_true=True), UNDER_WAY),
    "CleaningUp, Git must declare": (
        told(
            told(asked("ordered"), "SourceReleased", "Released", is_true=True),
            "HandedOver",
            "WaitingForDeclaration",
            is_true=False,
        ),
        WAITS,
    ),
    "Cancelling": (at(spec=CANCEL), UNDER_WAY),
    "Freezing, the agent's status is refused": (
        told(
            told(at(switch=Switch()), "Locked", "Locked", is_true=True),
            "Stalled",
            names.STATUS_REFUSED,
            is_true=True,
        ),
        BAD,
    ),
    "Merging, stalled": (told(asked("frozen"), "Stalled", "GuestStopped", is_true=True), BAD),
    "Succeeded": (asked("destination"), WELL),
    "Succeeded, already there": (there(), WELL),
    "Succeeded, and seen again": (again(asked("destination")), WELL),
    "Succeeded, the VM names the source again": (drifted(), BAD),
    "Cancelled": (at(spec=CANCEL, switch=Switch(Position.SOURCE, "source")), BAD),
    "Failed": (
        at(
            switch=Switch(Position.SOURCE, "source"),
            status=dataclasses.replace(
                STARTED, conditions=(condition("Copied", False, "ReadError"),)
            ),
        ),
        BAD,
    ),
}
"""A look at each stage, and kstatus, Argo CD and Flux of the status that is published."""


def migration(seen, generation=1):
    written = serialise(status(seen, decide(seen)))
    return thing("VolumeMigration", written, generation)


def thing(kind, written, generation=1):
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "m", "namespace": "ns", "uid": "u", "generation": generation},
        "spec": {},
        "status": written,
    }


@pytest.fixture(scope="module")
def judged():
    found = verdicts([migration(seen) for seen, _ in STAGES.values()])
    return dict(zip(STAGES, found, strict=True))


@pytest.mark.parametrize("stage", STAGES)
def test_a_migrations_health(judged, stage):
    seen, expected = STAGES[stage]
    phase = stage.partition(",")[0].partition(" ")[0]
    assert status(seen, decide(seen)).phase == phase
    found = judged[stage]
    assert (found["kstatus"], found["argocd"], found["flux"]) == expected
    assert found["message"]


def test_every_phase_is_judged_here():
    phases = {status(seen, decide(seen)).phase for seen, _ in STAGES.values()}
    assert {str(phase) for phase in phases} == {
        *("Pending", "Refused", "Preparing", "Freezing", "Copying", "Holding", "Merging"),
        *("Switching", "CleaningUp", "Cancelling", "Succeeded", "Cancelled", "Failed"),
    }


def test_an_older_status_is_no_verdict():
    (found,) = verdicts([migration(asked("destination"), generation=2)])
    assert (found["kstatus"], found["argocd"], found["flux"]) == UNDER_WAY


def test_before_the_first_visit():
    (found,) = verdicts([thing("VolumeMigration", None)])
    assert (found["argocd"], found["flux"]) == ("Progressing", "InProgress")


UNTOUCHED = {"locked": False, "lock_proven": False, "strategy_before": None}
RELEASED = {
    "node": {"reached": Order.DESTINATION},
    "instance": {"claim": "new"},
    "wanted": Position.DESTINATION,
    "position": Position.FROZEN,
}


def in_git():
    seen = compute_switches.seen(
        compute={"order": Order.DESTINATION, "handover": Handover.WAITING}, **RELEASED
    )
    spec = dataclasses.replace(seen.switch.spec, handover=HandoverMode.WAIT_FOR_DECLARED)
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, spec=spec))


SWITCHES = {
    "inspecting": (compute_switches.seen(), UNDER_WAY),
    "refused": (
        compute_switches.seen(
            compute=UNTOUCHED, instance={"paused": True, "fence": None}, holder=Nothing.ABSENT
        ),
        REFUSED,
    ),
    "frozen": (
        compute_switches.seen(
            compute={"order": Order.OVERLAY},
            node={"reached": Order.OVERLAY},
            position=Position.FROZEN,
        ),
        UNDER_WAY,
    ),
    "Git must declare": (in_git(), WAITS),
    "the guest stopped": (
        compute_switches.seen(compute={"order": Order.OVERLAY}, node={"qemu": Qemu.GONE}),
        UNDER_WAY,
    ),
    "the node is lost": (
        compute_switches.seen(compute={"order": Order.OVERLAY}, node={}, node_lost=True),
        BAD,
    ),
    "the agent's status is refused": (
        compute_switches.seen(
            compute={"order": Order.OVERLAY},
            node={"last_error": LastError(reason=names.STATUS_REFUSED, message="m")},
        ),
        BAD,
    ),
    "ended": (
        compute_switches.seen(compute={"locked": False}, position=Position.DESTINATION),
        WELL,
    ),
}


@pytest.mark.parametrize("stage", SWITCHES)
def test_a_switchs_health(stage):
    seen, expected = SWITCHES[stage]
    written = decide_switch(seen).status
    conditions = stamped((), written.conditions, now=NOW, generation=1)
    whole = dataclasses.replace(written, conditions=conditions, observed_generation=1)
    (found,) = verdicts([thing("AttachmentSwitch", serialise(whole))])
    assert (found["kstatus"], found["argocd"], found["flux"]) == expected
