"""Each reason for which a start is refused, and that nothing has been changed by then."""

import dataclasses

import pytest

from detour_crds.attachment_switch import DestinationClaim
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import (
    OverlayPlace,
    OverlaySpec,
)
from detour_operator.compute_side import preflight
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Claim, Nothing, Rival
from unit.operator.compute_switches import SEEN, seen

UNTOUCHED = {
    "compute": {"token": None, "locked": False, "lock_proven": False, "strategy_before": None},
    "holder": Nothing.ABSENT,
    "budget": Nothing.ABSENT,
}


def asked(**spec):
    found = seen(instance={"fence": None}, **UNTOUCHED)
    changed = dataclasses.replace(found.switch.spec, **spec)
    return dataclasses.replace(found, switch=dataclasses.replace(found.switch, spec=changed))


def found(*, machine=None, instance=None, **facts):
    if instance is None or isinstance(instance, dict):
        instance = {"fence": None, **(instance or {})}
    return seen(machine=machine, instance=instance, **UNTOUCHED, **facts)


def stopped(**facts):
    return dataclasses.replace(found(**facts), instance=Nothing.ABSENT, launcher=Nothing.ABSENT)


EARLIER = Rival(name="first", uid="0", created="2026-01-01T00:00:00Z")
LATER = Rival(name="second", uid="0", created="2026-01-03T00:00:00Z")

REFUSED = {
    "an overlay beside a block volume": (
        dataclasses.replace(
            asked(overlay=OverlaySpec(where=OverlayPlace.SOURCE_VOLUME)),
            source_claim=Claim(name="old", uid="old-uid", volume_mode="Block"),
        ),
        "OverlayNeedsFilesystem",
        "NodeLocal",
    ),
    "KubeVirt elsewhere": (
        found(without_controller="kubevirt"),
        "KubeVirtNotThere",
        "kubevirt.namespace",
    ),
    "a policy of the cluster": (
        found(machine_refuses="denied by a policy"),
        "MachineChangeRefused",
        "denied by a policy. Have the cluster allow that change",
    ),
    "no machine": (found(machine=Nothing.ABSENT), "VirtualMachineNotFound", "vm"),
    "machine going": (found(machine={"deleting": True}), "VirtualMachineDeleting", "vm"),
    "no volume": (found(machine={"has_volume": False}), "VolumeNotFound", "data"),
    "volume without a claim": (found(machine={"claim": None}), "VolumeNotOnClaim", "data"),
    "snapshot": (found(machine={"snapshot": "s1"}), "SnapshotInProgress", "s1"),
    "restore": (found(machine={"restore": "r1"}), "RestoreInProgress", "r1"),
    "memory dump": (found(machine={"memory_dump": True}), "MemoryDumpInProgress", "vm"),
    "another volume is to have another claim": (
        found(machine={"others": (("logs", "b"),)}, instance={"others": (("logs", "a"),)}),
        "RestartRequired",
        "logs",
    ),
    "a guest that has ended, and its instance is kept": (
        found(instance={"phase": "Succeeded"}),
        "InstanceNotRunning",
        "kubectl delete vmi",
    ),
    "restart asked for": (found(machine={"state_change": True}), "StateChangeInProgress", "vm"),
    "restart required": (found(machine={"restart_required": True}), "RestartRequired", "restart"),
    "starting": (found(instance={"phase": "Scheduled"}), "InstanceNotRunning", "Scheduled"),
    "ending": (found(instance={"deleting": True}), "InstanceNotRunning", "deleted"),
    "no instance yet, and KubeVirt makes one by itself": (
        stopped(machine={"starts": "Always"}),
        "VirtualMachineStarting",
        "wait until it runs",
    ),
    "a guest that does not come up": (
        stopped(machine={"starts": "Always", "shown": "CrashLoopBackOff"}),
        "VirtualMachineStarting",
        "CrashLoopBackOff): wait until it runs; if it cannot, or is not to, set spec.runStrategy",
    ),
    "the source is stale for another machine alone": (
        stopped(
            machine={"starts": "Always"},
            source_claim=Claim(name="old", uid="old-uid", superseded_for="db/data"),
        ),
        "VirtualMachineStarting",
        "wait",
    ),
    "another switch keeps it from starting": (
        stopped(machine={"starts": "Always"}, rivals=(EARLIER,)),
        "VirtualMachineBusy",
        "first",
    ),
    "paused": (found(instance={"paused": True}), "InstancePaused", "unpause"),
    "live migration": (found(live_migrations=("m1",)), "LiveMigrationInProgress", "m1"),
    "live migration by its state": (
        found(instance={"migrating": True}),
        "LiveMigrationInProgress",
        "wait",
    ),
    "KubeVirt's volume migration": (
        found(instance={"volumes_changing": True}),
        "VolumesChanging",
        "wait",
    ),
    "changed block tracking": (
        found(instance={"block_tracking": True}),
        "ChangedBlockTracking",
        "turn it off",
    ),
    "lun": (found(instance={"disk": "lun"}), "DiskKindNotSupported", "lun"),
    "filesystem": (found(instance={"disk": None}), "DiskKindNotSupported", "not a disk"),
    "shareable": (found(instance={"shareable": True}), "DiskShareable", "data"),
    "shareable by the machine's template": (
        found(machine={"shareable": True}),
        "DiskShareable",
        "take shareable off",
    ),
    "shareable, of a stopped machine": (
        stopped(machine={"shareable": True}),
        "DiskShareable",
        "data",
    ),
    "hotplugged": (found(instance={"hotplugged": True}), "VolumeHotplugged", "unplug"),
    "claims differ": (found(instance={"claim": "x"}), "ClaimsDiffer", "x"),
    "no launcher": (found(launcher=Nothing.ABSENT), "LauncherNotFound", "wait"),
    "no source": (found(source_claim=Nothing.ABSENT), "SourceClaimNotFound", "create"),
    "source going": (
        found(source_claim=Claim(name="old", uid="old-uid", deleting=True)),
        "SourceClaimDeleting",
        "old",
    ),
    "block source": (
        found(source_claim=Claim(name="old", uid="old-uid", volume_mode="Block")),
        "VolumeModeDiffers",
        "stop the virtual machine before the move, or use a claim of the same mode",
    ),
    "another pod on the source": (found(source_users=("p1",)), "SourceClaimInUse", "p1"),
    "another machine on the source": (
        found(source_machines=("db",)),
        "SourceClaimInUse",
        "VirtualMachine db",
    ),
    "another machine on the source of a stopped one": (
        stopped(source_machines=("db", "db-2")),
        "SourceClaimInUse",
        "db, db-2",
    ),
    "destination is the source": (
        found(destination_claim=Claim(name="new", uid="old-uid")),
        "DestinationIsSource",
        "another",
    ),
    "destination going": (
        found(destination_claim=Claim(name="new", uid="new-uid", deleting=True)),
        "DestinationDeleting",
        "new",
    ),
    "destination that CDI fills": (
        found(destination_claim=Claim(name="new", uid="new-uid", filling=True)),
        "DestinationBeingFilled",
        "Succeeded",
    ),
    "block destination": (
        found(destination_claim=Claim(name="new", uid="new-uid", volume_mode="Block")),
        "VolumeModeDiffers",
        "Block",
    ),
    "destination for one pod": (
        found(destination_claim=Claim(name="new", uid="u", access_modes=("ReadWriteOncePod",))),
        "AccessModeNotSupported",
        "ReadWriteOnce",
    ),
    "R12 an earlier switch": (found(rivals=(EARLIER,)), "VirtualMachineBusy", "first"),
    "R12 a later one that has the lock": (
        found(rivals=(dataclasses.replace(LATER, locked=True),)),
        "VirtualMachineBusy",
        "second",
    ),
}


def test_a_machine_that_its_stale_claim_keeps_from_starting_is_moved_as_a_stopped_one():
    stale = Claim(name="old", uid="old-uid", superseded_for="vm/data")
    assert preflight.refusal(stopped(machine={"starts": "Always"}, source_claim=stale)) is None


@pytest.mark.parametrize("facts", [{"instance": Nothing.UNKNOWN}, {}])
def test_what_starts_is_told_by_the_absence_of_an_instance_alone(facts):
    seen_ = dataclasses.replace(found(machine={"starts": "Always"}), **facts)
    assert preflight.refusal(seen_) is None


@pytest.mark.parametrize(("seen_", "reason", "told"), REFUSED.values(), ids=REFUSED)
def test_refused(seen_, reason, told):
    decision = decide(seen_)
    accepted = find(decision.status.conditions, SwitchCondition.ACCEPTED)
    assert (accepted.status, accepted.reason) == (Status.FALSE, reason)
    assert told in accepted.message
    assert decision.actions == ()
    assert decision.status.compute == seen_.switch.compute
    assert decision.after == 30


ACCEPTABLE = {
    "all is well": found(),
    "all is well with a stopped machine": stopped(),
    "no destination named yet": dataclasses.replace(
        asked(destination=None), destination_claim=Nothing.ABSENT
    ),
    "a destination that is not there yet": found(destination_claim=Nothing.ABSENT),
    "R12 a later switch": found(rivals=(LATER,)),
    "R12 an earlier one that is refused": found(
        rivals=(dataclasses.replace(EARLIER, refused=True),)
    ),
    "restart required because Detour took the strategy off": seen(
        machine={"restart_required": True}
    ),
    "another strategy": found(machine={"strategy": "Replacement"}),
}


@pytest.mark.parametrize("seen_", ACCEPTABLE.values(), ids=ACCEPTABLE)
def test_acceptable(seen_):
    assert preflight.refusal(seen_) is None


def test_every_check_has_a_refusal_here():
    refusing = set()
    for seen_, _, _ in REFUSED.values():
        refusing.add(next(check for check in preflight.CHECKS if check(seen_) is not None))
    assert refusing == set(preflight.CHECKS)


def test_a_destination_named_later_is_noted():
    late = dataclasses.replace(asked(destination=DestinationClaim(claim_name="new")))
    assert decide(late).status.compute.destination_claim.uid == SEEN.destination_claim.uid


def test_it_is_waited_for_to_be_known_which_machines_name_the_source():
    told = decide(found(source_machines=Nothing.UNKNOWN))
    assert told.actions == ()
    accepted = find(told.status.conditions, SwitchCondition.ACCEPTED)
    assert accepted is None or accepted.status is not Status.TRUE


def test_one_whose_guest_ends_under_the_lock_before_any_order_is_let_start_again():
    ended = dataclasses.replace(
        seen(machine={"starts": "Always"}, compute={"order": None}),
        instance=Nothing.ABSENT,
        launcher=Nothing.ABSENT,
    )
    step = decide(ended)
    assert step.status.compute.lock_proven is False
    assert not step.status.compute.offline
    accepted = find(step.status.conditions, SwitchCondition.ACCEPTED)
    assert accepted is None or accepted.status is not Status.TRUE
