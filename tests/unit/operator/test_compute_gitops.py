"""What the compute side does for whoever keeps the virtual machine's manifest in Git."""

import dataclasses

import pytest
import yaml

from detour_crds.attachment_switch import Handover, Order, Position
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import HandoverMode
from detour_operator.compute_side import actions, declaring, facts, start
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.gather import rivals_of
from detour_operator.compute_side.observation import Nothing
from detour_operator.compute_side.ownership import declared_by
from unit.operator.compute_samples import claim, machine
from unit.operator.compute_switches import FILLED, SEEN, SWITCH, seen

RELEASED = {
    "node": {"reached": Order.DESTINATION},
    "wanted": Position.DESTINATION,
    "position": Position.FROZEN,
}
ORDERED = {"order": Order.DESTINATION, "handover": Handover.INSTANCE}
LEFT = {**ORDERED, "handover": Handover.NOT_PERMITTED}
ON_NEW = {"claim": "new"}
HANDED = {"claim": "new", "strategy": "Migration"}
MARK = actions.MarkSuperseded(disk="vm/data", by="new")
FILL = actions.MarkFilled(disk="vm/data")
OTHERS = dataclasses.replace(SEEN.destination_claim, holds="vm/root")
GOING = dataclasses.replace(SEEN.source_claim, deleting=True)
OLD_SOURCE = dataclasses.replace(SEEN.destination_claim, superseded_for="x")
STALE = dataclasses.replace(SEEN.source_claim, superseded_for="vm/data", superseded_by="new")


def spec(**changes):
    return {"spec": dataclasses.replace(SWITCH.spec, position=Position.DESTINATION, **changes)}


def released(handover=HandoverMode.PATCH, compute=None, machine=None, **facts_):
    """The guest is on the destination, and the instance too."""
    found = seen(
        compute=compute or ORDERED,
        instance=None if compute == LEFT else ON_NEW,
        machine=machine,
        **RELEASED,
        **facts_,
    )
    wanted = dataclasses.replace(found.switch, **spec(handover=handover))
    return dataclasses.replace(found, switch=wanted)


def in_git(**changes):
    return released(HandoverMode.WAIT_FOR_DECLARED, **changes)


def told(found, kind):
    return find(decide(found).status.conditions, kind)


# The stale source (rule R10).


MARKS = {
    "once the machine names the destination": (released(machine=HANDED), (MARK,)),
    "not before": (released(), (actions.HandMachine("old", "new", live=True),)),
    "marked for another move": (
        released(
            machine=HANDED, source_claim=dataclasses.replace(STALE, superseded_by="elsewhere")
        ),
        (MARK,),
    ),
    "the destination too": (
        released(machine=HANDED, source_claim=STALE, destination_claim=SEEN.destination_claim),
        (FILL,),
    ),
    "marked for another disk": (
        released(machine=HANDED, source_claim=STALE, destination_claim=OTHERS),
        (FILL,),
    ),
    "marked": (released(machine=HANDED, source_claim=STALE, destination_claim=FILLED), ()),
    "another claim of its name": (
        released(machine=HANDED, source_claim=dataclasses.replace(SEEN.source_claim, uid="later")),
        (FILL,),
    ),
    "gone": (released(machine=HANDED, source_claim=Nothing.ABSENT), (FILL,)),
    "going": (released(machine=HANDED, source_claim=GOING), (FILL,)),
    "an old source is the destination now": (
        released(destination_claim=OLD_SOURCE),
        (actions.TakeMarkOff(),),
    ),
    "the machine was not to be told by Detour": (in_git(machine=ON_NEW), (MARK,)),
    "not permitted": (released(compute=LEFT, machine=ON_NEW), (MARK,)),
}


@pytest.mark.parametrize(("found", "acts"), MARKS.values(), ids=MARKS)
def test_marks(found, acts):
    decision = decide(found)
    assert decision.actions == acts
    assert decision.status.compute.locked, "the lock comes off after that"


def test_a_mark_is_read_with_its_label_alone():
    raw = claim("old")
    raw["metadata"]["annotations"] = {
        "detour.dev/superseded-for": "vm/data",
        "detour.dev/superseded-by": "new",
    }
    assert facts.claim(raw).superseded_for is None, "a person took the label off"
    raw["metadata"]["labels"] = {"detour.dev/superseded": "true"}
    found = facts.claim(raw)
    assert (found.superseded_for, found.superseded_by) == ("vm/data", "new")


def test_a_claim_that_is_written_over_has_no_disk_of_an_earlier_move():
    """Cancelled half-way it would be taken for the place where the disk is."""
    decision = decide(seen(node={}, destination_claim=OTHERS))
    assert decision.actions == (actions.MarkFilled(disk=None),)
    assert decision.status.compute.locked
    assert decision.status.compute.order is Order.NONE


def test_the_mark_counts_on_its_own_claim_alone():
    """A manifest that was taken from it, or from a backup, makes another claim."""
    raw = claim("new")
    raw["metadata"]["annotations"] = {"detour.dev/holds": f"vm/data/{raw['metadata']['uid']}"}
    assert facts.claim(raw).holds == "vm/data"
    for told in ("vm/data/another-uid", "vm/data", raw["metadata"]["uid"], ""):
        raw["metadata"]["annotations"] = {"detour.dev/holds": told}
        assert facts.claim(raw).holds is None


# handover: WaitForDeclared.


def test_the_lock_is_opened_for_the_manifest_once_kubevirt_has_noted_the_instance():
    noted = decide(in_git())
    assert noted.status.compute.handover is Handover.WAITING
    assert noted.actions == ()
    not_yet = in_git()
    instance = dataclasses.replace(not_yet.instance, claim_in_status="old")
    decision = decide(dataclasses.replace(not_yet, instance=instance))
    assert decision.status.compute.handover is Handover.INSTANCE
    assert decision.reason == "HandingOver"


WAITS = {
    "handed over": (
        in_git(compute={**ORDERED, "handover": Handover.WAITING}),
        {"updateVolumesStrategy": "Migration"},
    ),
    "the guest stopped meanwhile": (
        dataclasses.replace(
            in_git(compute={**ORDERED, "handover": Handover.WAITING}),
            instance=dataclasses.replace(SEEN.instance, claim="new", phase="Failed"),
        ),
        {"updateVolumesStrategy": "Migration"},
    ),
    "not permitted: KubeVirt would move the volume back": (in_git(compute=LEFT), {}),
}


@pytest.mark.parametrize(("found", "strategy"), WAITS.values(), ids=WAITS)
def test_it_waits_under_lock_and_shows_what_to_commit(found, strategy):
    decision = decide(found)
    assert (decision.reason, decision.actions) == ("WaitingForDeclaration", ())
    assert decision.status.compute.locked
    handed = told(found, SwitchCondition.HANDED_OVER)
    assert (handed.status, handed.reason) == (Status.FALSE, "WaitingForDeclaration")
    lines = yaml.safe_load(handed.message.partition(":\n")[2])
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "new"}}]
    assert lines == {"spec": {**strategy, "template": {"spec": {"volumes": volumes}}}}
    assert told(found, SwitchCondition.SOURCE_RELEASED).status is Status.TRUE


def test_a_machine_that_was_stopped_needs_no_strategy():
    """It would keep volumes from being plugged into the VM after its next start."""
    found = in_git(compute={**ORDERED, "handover": Handover.WAITING, "offline": True})
    machine = dataclasses.replace(SEEN.machine, claim="old")
    lines = declaring.lines(dataclasses.replace(found, machine=machine), machine)
    assert "updateVolumesStrategy" not in lines
    assert "claimName: new" in lines


def test_a_template_of_the_source_must_go_too():
    waiting = in_git(compute={**ORDERED, "handover": Handover.WAITING})
    with_template = dataclasses.replace(SEEN.machine, has_template=True)
    found = dataclasses.replace(waiting, machine=with_template)
    assert "take the dataVolumeTemplate old out" in decide(found).message


@pytest.mark.parametrize("strategy", ["Migration", ""])
def test_a_declared_destination_ends_it(strategy):
    found = in_git(
        compute={**ORDERED, "handover": Handover.WAITING},
        machine={"claim": "new", "strategy": strategy},
        source_claim=STALE,
    )
    decision = decide(found)
    assert decision.status.compute.handover is Handover.DONE
    assert decision.actions == (), "the manifest's strategy is its owner's"


def test_any_other_claim_is_for_a_person():
    found = in_git(compute={**ORDERED, "handover": Handover.WAITING}, machine={"claim": "x"})
    assert decide(found).reason == "ClaimsDiffer"


# The warning that a tool applies the manifest.


def test_detour_tells_a_gitops_user_what_it_will_do():
    found = seen(
        compute={"order": Order.OVERLAY},
        node={"reached": Order.OVERLAY},
        position=Position.FROZEN,
        machine={"declared_by": "Argo CD (shop)"},
    )
    handed = told(found, SwitchCondition.HANDED_OVER)
    assert (handed.status, handed.reason) == (Status.FALSE, "DeclaredInGit")
    for word in ("Argo CD (shop)", "new", "WaitForDeclared"):
        assert word in handed.message
    waits = dataclasses.replace(
        found.switch,
        spec=dataclasses.replace(SWITCH.spec, handover=HandoverMode.WAIT_FOR_DECLARED),
    )
    assert told(dataclasses.replace(found, switch=waits), SwitchCondition.HANDED_OVER).reason == (
        "Pending"
    )


def test_the_warning_stays_when_the_machine_cannot_be_read():
    found = seen(compute={"order": Order.OVERLAY}, machine={"declared_by": "Flux (shop)"})
    status = decide(found).status
    switch = dataclasses.replace(found.switch, status=status)
    blind = dataclasses.replace(found, switch=switch, machine=Nothing.UNKNOWN)
    assert told(blind, SwitchCondition.HANDED_OVER).reason == "DeclaredInGit"


OWNERS = {
    "Argo CD's annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop:kubevirt.io/VirtualMachine:n/v"}},
        "Argo CD (shop)",
    ),
    "Argo CD's label": ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD (shop)"),
    "Flux's kustomization": (
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
        "Flux (shop)",
    ),
    "Flux's Helm release": ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, "Flux (shop)"),
    "a field manager": (
        {"managedFields": [{"manager": "kubectl"}, {"manager": "argocd-controller"}]},
        "Argo CD (field manager argocd-controller)",
    ),
    "a label of everybody's": ({"labels": {"app.kubernetes.io/instance": "shop"}}, ""),
    "nobody": ({}, ""),
}


@pytest.mark.parametrize(("metadata", "owner"), OWNERS.values(), ids=OWNERS)
def test_who_applies_the_machine(metadata, owner):
    raw = machine()
    raw["metadata"] |= metadata
    assert declared_by(raw) == owner
    assert facts.machine(raw, "data").declared_by == owner


def test_a_template_is_seen():
    raw = machine(dataVolumeTemplates=[{"metadata": {"name": "root-claim"}}])
    assert facts.machine(raw, "root").has_template
    assert not facts.machine(raw, "data").has_template


# A dry run.


def dry(**changes):
    untouched = {"locked": False, "lock_proven": False, "strategy_before": None}
    found = seen(compute=untouched, instance={"fence": None}, **changes)
    switch = dataclasses.replace(found.switch, spec=dataclasses.replace(SWITCH.spec, dry_run=True))
    return dataclasses.replace(found, switch=switch, holder=Nothing.ABSENT)


def test_a_dry_run_that_passed_changes_nothing():
    decision = decide(dry(node={}))
    accepted = find(decision.status.conditions, SwitchCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.TRUE, start.DRY_RUN_PASSED)
    assert decision.actions == ()
    assert decision.status.compute == dry().switch.compute, "no lock, no order"


DRY = {
    "not inspected yet": (dry(), Status.UNKNOWN, "Inspecting"),
    "refused": (dry(node={}, machine={"snapshot": "x"}), Status.FALSE, "SnapshotInProgress"),
    "could not look": (
        dataclasses.replace(dry(node={}), machine=Nothing.UNKNOWN),
        Status.UNKNOWN,
        "CannotLook",
    ),
}


@pytest.mark.parametrize(("found", "state", "reason"), DRY.values(), ids=DRY)
def test_dry_run(found, state, reason):
    accepted = told(found, SwitchCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (state, reason)
    assert decide(found).actions == ()


def test_a_dry_run_is_nobodys_rival():

    other = dataclasses.replace(dry().switch, uid="other", name="other")
    assert rivals_of(SWITCH, [other]) == []
    real = dataclasses.replace(SWITCH, uid="other", name="other")
    assert len(rivals_of(SWITCH, [real])) == 1
