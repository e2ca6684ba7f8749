"""After a success: when the source claim is deleted, and what is told of drift."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.conditions import MigrationCondition, Status, find
from detour_crds.volume_migration import SourceReclaimPolicy
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.news import news
from detour_operator.storage_side.observation import Aftermath, Owner, SeenVirtualMachine
from detour_operator.storage_side.status import status
from unit.operator.storage_world import (
    DESTINATION,
    SOURCE,
    SPEC,
    Switch,
    World,
    claim,
    condition,
)

DELETE = dataclasses.replace(SPEC, source_reclaim_policy=SourceReclaimPolicy.DELETE)
STALE = claim(SOURCE, superseded_for="vm/data")
MACHINE = SeenVirtualMachine(name="vm", uid="vm", claims={"data": DESTINATION}, started=True)


def succeeded(spec=SPEC):
    """What is seen of a migration that has just succeeded."""
    before = World(spec=spec, finalizer=True, switch=Switch(Position.DESTINATION, "destination"))
    seen = before.observe()
    facts = {"source_claim": SOURCE, "source_claim_uid": SOURCE, "destination_claim": DESTINATION}
    seen = dataclasses.replace(seen, status=dataclasses.replace(seen.status, **facts))
    handed = condition("HandedOver", True, "Done")
    told = (*seen.switch.status.conditions, handed)
    switch = dataclasses.replace(
        seen.switch, status=dataclasses.replace(seen.switch.status, conditions=told)
    )
    seen = dataclasses.replace(seen, switch=switch)
    return dataclasses.replace(seen, status=status(seen, decide(seen)))


def later(spec=SPEC, source=STALE, machine=MACHINE, users=(), **changes):
    """The same with what became of the claims since."""
    after = Aftermath(virtual_machine=machine, source=source, source_users=users)
    return dataclasses.replace(succeeded(spec), **{"aftermath": after, **changes})


def told(seen, kind):
    found = find(status(seen, decide(seen)).conditions, kind)
    return found.status, found.reason


def without_handover(**changes):
    seen = later(DELETE, **changes)
    waits = condition("HandedOver", False, "RestartRequired")
    conditions = tuple(c for c in seen.switch.status.conditions if c.type != "HandedOver")
    changed = dataclasses.replace(seen.switch.status, conditions=(*conditions, waits))
    return dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=changed))


KEPT = {
    "not asked for": (later(), Status.UNKNOWN, "NotRequested"),
    "a pod has it": (later(DELETE, users=("pod launcher",)), Status.FALSE, "SourceClaimInUse"),
    "the instance is on it until a restart": (without_handover(), Status.FALSE, "RestartRequired"),
    "not marked": (later(DELETE, source=claim(SOURCE)), Status.FALSE, "NotSuperseded"),
    "marked for another disk": (
        later(DELETE, source=claim(SOURCE, superseded_for="vm/other")),
        Status.FALSE,
        "NotSuperseded",
    ),
    "no VM": (later(DELETE, machine=None), Status.FALSE, "VirtualMachineNotFound"),
    "another claim of the name": (
        later(DELETE, source=claim(SOURCE, uid="later", superseded_for="vm/data")),
        Status.TRUE,
        "Deleted",
    ),
    "gone": (later(DELETE, source=None), Status.TRUE, "Deleted"),
    "under way": (
        later(DELETE, source=dataclasses.replace(STALE, deleting=True)),
        Status.FALSE,
        "Deleting",
    ),
}


@pytest.mark.parametrize(("seen", "state", "reason"), KEPT.values(), ids=KEPT)
def test_the_source_is_not_deleted(seen, state, reason):
    assert not decide(seen).actions
    assert told(seen, MigrationCondition.SOURCE_DELETED) == (state, reason)
    assert told(seen, MigrationCondition.SUCCEEDED) == (Status.TRUE, "Succeeded")
    assert told(seen, MigrationCondition.READY) == (Status.TRUE, "Succeeded")


@pytest.mark.parametrize("switch", ["there", "gone"])
def test_the_very_source_is_deleted_once_nothing_uses_it(switch):
    seen = later(DELETE)
    if switch == "gone":
        seen = dataclasses.replace(seen, switch=None)
    assert decide(seen).actions == (actions.DeleteSource(SOURCE, SOURCE, None),)


def test_a_claim_of_a_data_volume_goes_with_it():
    owner = Owner("dv", "dv-uid")
    seen = later(DELETE, source=dataclasses.replace(STALE, data_volume=owner))
    assert decide(seen).actions == (actions.DeleteSource(SOURCE, SOURCE, owner),)


def test_what_else_ended_deletes_nothing():
    """Neither a cancel nor a move of the past that was created again."""
    for reason, state in (("Cancelled", False), ("AlreadyThere", True), ("DryRunPassed", True)):
        seen = dataclasses.replace(
            later(DELETE),
            aftermath=None,  # it is not looked at then
            status=dataclasses.replace(
                succeeded(DELETE).status, conditions=(condition("Succeeded", state, reason),)
            ),
        )
        assert not decide(seen).actions


def test_the_wait_lasts_as_long_as_the_source_is_there():
    assert decide(later(DELETE, users=("pod launcher",))).after == 30
    assert decide(later()).after == 600
    assert decide(later(source=None)).after is None


AGAIN = dataclasses.replace(MACHINE, claims={"data": SOURCE})
NOTED = dataclasses.replace(MACHINE, applied={"data": SOURCE})
OVERRIDDEN = dataclasses.replace(MACHINE, overridden={"data": "kustomize-controller"})


def test_a_machine_on_the_stale_source_needs_a_person():
    seen = later(machine=AGAIN)
    for kind in (MigrationCondition.STALLED, MigrationCondition.READY):
        assert told(seen, kind)[1] == "SourceNamedAgain"
    assert told(seen, MigrationCondition.STALLED)[0] is Status.TRUE
    assert told(seen, MigrationCondition.HANDED_OVER)[0] is Status.FALSE
    assert told(seen, MigrationCondition.SUCCEEDED)[0] is Status.TRUE, "the end stays the end"


@pytest.mark.parametrize("machine", [NOTED, OVERRIDDEN], ids=["noted", "by its field manager"])
def test_a_manifest_that_names_the_source_is_told_and_is_no_failure(machine):
    seen = later(machine=machine)
    after = status(seen, decide(seen))
    assert told(seen, MigrationCondition.HANDED_OVER) == (Status.TRUE, "ManifestNamesSource")
    assert told(seen, MigrationCondition.READY)[0] is Status.TRUE
    (event,) = [
        item
        for item in news(seen.status.conditions, after.conditions)
        if item.reason == "ManifestNamesSource"
    ]
    assert event.warning


def test_a_manifest_that_was_noted_speaks_for_itself():
    """Both kinds of apply in turn: the note is that of the later one, or the API server's own."""
    declared = dataclasses.replace(OVERRIDDEN, applied={"data": "new"})
    assert (
        told(later(machine=declared), MigrationCondition.HANDED_OVER)[1] != "ManifestNamesSource"
    )


def test_a_restart_that_is_due_is_more_urgent_than_a_manifest():
    seen = without_handover(machine=NOTED)
    assert told(seen, MigrationCondition.HANDED_OVER) == (Status.FALSE, "RestartRequired")


@pytest.mark.parametrize(
    "source",
    [claim(SOURCE), claim(SOURCE, uid="later"), None],
    ids=["a newer move made it good", "another claim of its name", "gone"],
)
def test_only_the_stale_source_is_drift(source):
    assert told(later(machine=AGAIN, source=source), MigrationCondition.STALLED)[0] is Status.FALSE


def test_drift_that_has_ended_is_not_told_any_more():
    drifted = later(machine=AGAIN, switch=None)
    drifted = dataclasses.replace(drifted, status=status(drifted, decide(drifted)))
    mended = dataclasses.replace(drifted, aftermath=later().aftermath)
    assert told(mended, MigrationCondition.HANDED_OVER) == (Status.TRUE, "Done")
    assert told(mended, MigrationCondition.READY) == (Status.TRUE, "Succeeded")
    assert told(mended, MigrationCondition.STALLED)[0] is Status.FALSE


def test_an_ended_migration_that_is_applied_again_is_current():
    """kstatus: a status of an older generation is still to come."""
    seen = dataclasses.replace(later(), aftermath=None)
    seen = dataclasses.replace(seen, meta=dataclasses.replace(seen.meta, generation=7))
    after = status(seen, decide(seen))
    assert after.observed_generation == 7
    assert {item.observed_generation for item in after.conditions} == {7}
    kept = [dataclasses.replace(item, observed_generation=1) for item in after.conditions]
    assert tuple(kept) == seen.status.conditions
