"""Whether a move may start: named checks, each with its own reason and the next step.

The checks are pure and run in every pass until the order Overlay is given, so that they are also
"the second look" after the lock was proven. What they are made of is KubeVirt's behaviour
(KubeVirt facts 9 and 11).
"""

from collections.abc import Callable

from detour_crds.volume_migration import OverlayPlace
from detour_operator.compute_side import fitting, machine_trial, rivals, sharing, starting
from detour_operator.compute_side.observation import Claim, Instance, Machine, Observation, Pod
from detour_operator.compute_side.refusal import Refusal

BUSY = "VirtualMachineBusy"


def refusal(seen: Observation) -> Refusal | None:
    """The first check that fails, None if a start is possible."""
    for check in CHECKS:
        found = check(seen)
        if found is not None:
            return found
    return None


def _machine(seen: Observation) -> Refusal | None:
    name, volume = seen.switch.spec.virtual_machine.name, seen.switch.spec.volume
    machine = seen.machine
    if not isinstance(machine, Machine):
        return Refusal("VirtualMachineNotFound", f"there is no VirtualMachine {name}: create it")
    if machine.deleting:
        return Refusal("VirtualMachineDeleting", f"VirtualMachine {name} is being deleted")
    if not machine.has_volume:
        return Refusal(
            "VolumeNotFound",
            f"VirtualMachine {name} has no volume {volume}: name one of its template's volumes",
        )
    if machine.claim is None:
        return Refusal(
            "VolumeNotOnClaim",
            f"volume {volume} of VirtualMachine {name} is not on a claim: only volumes of the"
            " kinds persistentVolumeClaim and dataVolume can be moved",
        )
    return None


def _machine_is_quiet(seen: Observation) -> Refusal | None:
    machine = seen.machine
    if not isinstance(machine, Machine):
        return None
    where = f"VirtualMachine {machine.name}"
    if machine.snapshot:
        message = f"{where} has the snapshot {machine.snapshot} under way: wait until it has ended"
        return Refusal("SnapshotInProgress", message)
    if machine.restore:
        message = f"{where} has the restore {machine.restore} under way: wait until it has ended"
        return Refusal("RestoreInProgress", message)
    if machine.state_change:
        message = f"{where} has a start, stop or restart under way: wait until it has ended"
        return Refusal("StateChangeInProgress", message)
    if machine.memory_dump:
        message = f"{where} has a dump of its memory under way: wait until it has ended"
        return Refusal("MemoryDumpInProgress", message)
    # Taking the strategy Migration off after an earlier move brings the condition about, until the
    # strategy is back (KubeVirt facts 11): from then on it says nothing.
    if machine.restart_required and seen.switch.compute.strategy_before is None:
        message = (
            f"{where} has changes that wait for a restart (RestartRequired): restart it first"
        )
        return Refusal("RestartRequired", message)
    return None


def _running(seen: Observation) -> Refusal | None:
    """A machine that does not run at all is moved while it is stopped."""
    name = seen.switch.spec.virtual_machine.name
    instance = seen.instance
    if not isinstance(instance, Instance):
        return None
    if instance.final and not instance.deleting:
        message = (
            f"the guest of VirtualMachine {name} has ended, and KubeVirt keeps its instance, as it"
            " does with runStrategy Manual or Once: to move the disk of a stopped machine set"
            " runStrategy Halted if it is Once, and delete the instance (kubectl delete vmi"
            f" {name}); or start the machine"
        )
        return Refusal("InstanceNotRunning", message)
    if instance.deleting or instance.phase != "Running":
        message = f"the instance of VirtualMachine {name} is {instance.phase or 'new'}"
        ending = " and being deleted" if instance.deleting else ""
        return Refusal("InstanceNotRunning", f"{message}{ending}: it must be Running")
    if instance.paused:
        return Refusal("InstancePaused", f"the instance {name} is paused: unpause it first")
    return None


def _no_other_claim(seen: Observation) -> Refusal | None:
    """A claim that another volume is to have from the next start on stays for that start.

    With the strategy that Detour sets KubeVirt would copy that volume at once, and over what is on
    that claim (its ``pkg/virt-controller/watch/vm/vm.go``, ``handleVolumeUpdateRequest``).
    """
    machine, instance = seen.machine, seen.instance
    if not isinstance(instance, Instance) or not isinstance(machine, Machine):
        return None
    runs_on = dict(instance.others)
    for name, claim in machine.others:
        if runs_on.get(name, claim) != claim:
            message = (
                f"volume {name} of VirtualMachine {machine.name} is to be on the claim {claim}"
                f" from the next start on, and is on {runs_on[name]} until then: restart the"
                " virtual machine, or take that back"
            )
            return Refusal("RestartRequired", message)
    return None


def _no_other_change(seen: Observation) -> Refusal | None:
    instance = seen.instance
    if not isinstance(instance, Instance):
        return None
    where = f"the instance {instance.name}"
    if seen.live_migrations or instance.migrating:
        names = seen.live_migrations if isinstance(seen.live_migrations, tuple) else ()
        told = f" ({', '.join(names)})" if names else ""
        message = f"{where} is being live-migrated{told}: wait until that has ended"
        return Refusal("LiveMigrationInProgress", message)
    if instance.volumes_changing or instance.handing_over:
        message = f"KubeVirt is changing volumes of {where}: wait until that has ended"
        return Refusal("VolumesChanging", message)
    if instance.block_tracking:
        message = (
            f"{where} has changed block tracking on, which an overlay would break: turn it off"
        )
        return Refusal("ChangedBlockTracking", message)
    return None


def _disk(seen: Observation) -> Refusal | None:
    instance, volume = seen.instance, seen.switch.spec.volume
    if not isinstance(instance, Instance):
        return None
    if instance.disk != "disk":
        kind = f"a {instance.disk}" if instance.disk else "not a disk of the guest"
        message = f"volume {volume} is {kind}: only disks of the kind disk can be moved"
        return Refusal("DiskKindNotSupported", message)
    if instance.hotplugged:
        message = f"volume {volume} was hotplugged: KubeVirt would unplug it at the handover"
        return Refusal("VolumeHotplugged", f"{message}; stop the machine, and it is moved then")
    return None


def _same_claim(seen: Observation) -> Refusal | None:
    machine, instance = seen.machine, seen.instance
    if not isinstance(machine, Machine) or not isinstance(instance, Instance):
        return None
    if machine.claim == instance.claim:
        return None
    return Refusal(
        "ClaimsDiffer",
        f"volume {seen.switch.spec.volume} is on {machine.claim} in VirtualMachine {machine.name}"
        f" and on {instance.claim} in its instance: restart it, or put the old claim back",
    )


def _launcher(seen: Observation) -> Refusal | None:
    launcher = seen.launcher
    if not isinstance(seen.instance, Instance):
        return None
    if isinstance(launcher, Pod) and launcher.running and not launcher.deleting:
        return None
    name = seen.switch.spec.virtual_machine.name
    message = f"the launcher pod of the instance {name} is not running on its node: wait for it"
    return Refusal("LauncherNotFound", message)


def _source(seen: Observation) -> Refusal | None:
    source = seen.source_claim
    if not isinstance(source, Claim):
        return Refusal(
            "SourceClaimNotFound", "the claim the volume is on does not exist: create it"
        )
    if source.deleting:
        message = f"the source claim {source.name} is being deleted"
        return Refusal("SourceClaimDeleting", message)
    beside = seen.switch.spec.overlay.where == OverlayPlace.SOURCE_VOLUME
    if source.volume_mode != "Filesystem" and beside:
        message = f"the source claim {source.name} has no file system that an overlay could be on"
        return Refusal("OverlayNeedsFilesystem", f"{message}: use spec.overlay.where NodeLocal")
    return None


def _controller(seen: Observation) -> Refusal | None:
    """Else the handover would be refused once the whole disk was copied."""
    where = seen.without_controller
    if not where or not isinstance(where, str):
        return None
    message = (
        f"kubevirt-controller of the namespace {where} may not change instances:"
        " KubeVirt is somewhere else. Set the chart's value kubevirt.namespace to where it is"
    )
    return Refusal("KubeVirtNotThere", message)


def _alone(seen: Observation) -> Refusal | None:
    other = rivals.in_the_way(seen)
    if other is None:
        return None
    name = seen.switch.spec.virtual_machine.name
    message = (
        f"a disk of VirtualMachine {name} is being moved already (AttachmentSwitch {other.name})"
    )
    return Refusal(BUSY, f"{message}: this one starts when that has ended")


CHECKS: tuple[Callable[[Observation], Refusal | None], ...] = (
    _machine,
    _machine_is_quiet,
    _running,
    _no_other_claim,
    _no_other_change,
    sharing.disk,
    _disk,
    _same_claim,
    _launcher,
    _source,
    _controller,
    sharing.claim,
    fitting.destination,
    machine_trial.refusal,
    _alone,
    starting.machine,
)
