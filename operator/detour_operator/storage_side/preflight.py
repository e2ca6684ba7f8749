"""Whether a move may start: named checks, each with its own reason; pure.

Nothing has been changed while one of them refuses. What concerns the running guest is checked by
the compute side, which refuses by its switch's ``Accepted``.
"""

import dataclasses
from collections.abc import Callable

from detour_crds.names import HOLDS_ANNOTATION, LABEL_LIMIT
from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import (
    CopyMethod,
    CopyMethodStatus,
    OverlayPlace,
    OverlaySpec,
    Verify,
    VolumeMigrationSpec,
    WhenStopped,
)
from detour_operator.storage_side import destination, methods, taken_name
from detour_operator.storage_side.actions import CreateClaim
from detour_operator.storage_side.observation import Observation, SeenClaim, Storage, Surroundings

LEAST_PER_SECOND = 64 << 10
"""Bytes: with less a request of the copier's (2 MiB) takes longer than many storages wait for."""
UNDECIDED = CopyMethodStatus()
RWO, RWX = "ReadWriteOnce", "ReadWriteMany"


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why not; ``reason`` in one word, ``message`` with the next step."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is moved where.

    Attributes:
        source: the claim the disk is on.
        destination: the claim it goes to, as it is or as it is going to be.
        create: what to create first; None if the destination is there.
        method: how it is copied, and why not otherwise.
    """

    source: SeenClaim
    destination: SeenClaim
    create: CreateClaim | None = None
    method: CopyMethodStatus = UNDECIDED

    @property
    def changes_mode(self) -> bool:
        """Whether an image file becomes a device, or the other way round."""
        return self.source.block != self.destination.block


@dataclasses.dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The disk is on the destination: what was asked for is so."""

    claim: str


def check(seen: Observation, around: Surroundings) -> Plan | Refusal | AlreadyThere:
    """The plan, or that there is nothing to do, or the first reason against it."""
    found = _already_there(seen, around) or _name(seen) or _copy_spec(seen.spec)
    if found is not None:
        return found
    source = _source(seen, around)
    if isinstance(source, Refusal):
        return source
    plan = _plan(seen, around, source)
    if isinstance(plan, Refusal):
        return plan
    refusal = next((found for one in CHECKS if (found := one(plan, around))), None)
    return refusal or _with_method(seen, around, plan)


def _with_method(seen: Observation, around: Surroundings, plan: Plan) -> Plan | Refusal:
    known, ours = seen.status.copy_method, plan.destination.created_for == seen.meta.uid
    if known is not None and ours and known.name not in methods.BY_STORAGE and not known.tried:
        return dataclasses.replace(plan, method=known)  # the claim was made for it
    case = methods.Case(
        asked=seen.spec.copy.method,
        exists=plan.create is None,
        changes_mode=plan.changes_mode,
        source=plan.source,
        size=around.template_bytes,
        overlay_on_source=seen.spec.overlay.where is OverlayPlace.SOURCE_VOLUME,
        storage=around.storage or Storage(),
    )
    found = methods.select(case)
    if isinstance(found, methods.Against):
        message = f"spec.copy.method: {case.asked}: {found.message}"
        return Refusal(found.reason, message)
    return dataclasses.replace(plan, method=found)


def _copy_spec(spec: VolumeMigrationSpec) -> Refusal | None:
    """What is wrong with the wish alone, whatever it is about."""
    if spec.copy.method is CopyMethod.HYPERVISOR:
        refusal = _without_freeze(spec)
        if refusal is not None:
            return refusal
    limit = spec.copy.bandwidth_limit
    if limit is None or bytes_of(limit) >= LEAST_PER_SECOND:
        return None
    message = (
        f"spec.copy.bandwidthLimit: {limit} is less than 64Ki ({LEAST_PER_SECOND} bytes per"
        " second); leave the field out for no limit"
    )
    return Refusal("BandwidthLimitTooLow", message)


def _without_freeze(spec: VolumeMigrationSpec) -> Refusal | None:
    """What needs a frozen source or an overlay, and is not to be had where QEMU copies."""
    asked = "with spec.copy.method: Hypervisor"
    if spec.copy.verify is not Verify.NONE:
        message = (
            f"spec.copy.verify: {spec.copy.verify} is not possible {asked}: the guest writes to"
            " source and destination while they would be compared; leave the field out, or choose"
            " another method"
        )
        return Refusal("VerifyNotPossible", message)
    if spec.overlay != OverlaySpec():
        message = f"spec.overlay has no meaning {asked}: there is no overlay; leave the field out"
        return Refusal("OverlayNotUsed", message)
    if spec.when_stopped is WhenStopped.FINISH:
        message = (
            f"spec.whenStopped: Finish is not possible {asked}: QEMU's copy ends with the guest,"
            " and the move starts again (Auto) or is cancelled (Cancel): choose one of"
            " these, or another method"
        )
        return Refusal("FinishNotPossible", message)
    return None


def _already_there(seen: Observation, around: Surroundings) -> AlreadyThere | Refusal | None:
    """Whether this is a migration of the past, created again as GitOps tools do.

    The virtual machine alone does not tell: its manifest may name a claim that the running guest
    is not on. Then no pod has that claim, while after a move the holder or the launcher has it.
    Of a stopped one it may name a claim that nothing was ever copied to: only the compute side's
    mark says that the disk was moved there.
    """
    vm, there = around.virtual_machine, around.destination
    name = destination.claim_name(seen.meta, seen.spec)
    if vm is None or vm.claims.get(seen.spec.volume) != name:
        return None
    if there is None or there.phase != "Bound" or there.deleting:
        return None
    if there.created_for == seen.meta.uid:
        message = (
            f"VirtualMachine {vm.name} names the claim {name} already, but nothing was copied to "
            "it yet: have the manifest name the old claim until the disk was moved"
        )
        return Refusal("DestinationNotFilled", message)
    if vm.started and not around.destination_mounted:
        message = (
            f"VirtualMachine {vm.name} names the claim {name} already, but its guest runs on "
            "another one: have the manifest name the old claim until the disk was moved"
        )
        return Refusal("RestartRequired", message)
    if not vm.started and not holds_disk(seen.spec, there):
        message = (
            f"VirtualMachine {vm.name} names the claim {name} already, and nothing says that its"
            f" volume {seen.spec.volume} was moved there (the claim has no such annotation"
            f" {HOLDS_ANNOTATION}): have the manifest name the old claim until the disk was moved;"
            " if the disk surely is there, delete this VolumeMigration"
        )
        return Refusal("DestinationNotFilled", message)
    return AlreadyThere(name)


def holds_disk(spec: VolumeMigrationSpec, claim: SeenClaim) -> bool:
    """Whether all of the disk was moved to this very claim, and not moved on since."""
    disk = f"{spec.virtual_machine.name}/{spec.volume}"
    return claim.holds == disk and claim.superseded_for is None


def _name(seen: Observation) -> Refusal | None:
    if len(seen.meta.name) <= LABEL_LIMIT:
        return None
    return Refusal("NameTooLong", f"the name must have at most {LABEL_LIMIT} characters")


def _source(seen: Observation, around: Surroundings) -> SeenClaim | Refusal:
    vm, volume = around.virtual_machine, seen.spec.volume
    if vm is None:
        message = f"there is no VirtualMachine {seen.spec.virtual_machine.name} in this namespace"
        return Refusal("VirtualMachineNotFound", message)
    if volume not in vm.claims:
        has = ", ".join(sorted(vm.claims)) or "none"
        message = f"VirtualMachine {vm.name} has no volume {volume}; its volumes: {has}"
        return Refusal("VolumeNotFound", message)
    claim, source = vm.claims[volume], around.source
    if claim is None:
        message = f"volume {volume} is not on a persistent volume claim or DataVolume"
        return Refusal("VolumeNotOnClaim", message)
    if source is None or source.phase != "Bound" or source.deleting:
        state = "not there" if source is None else f"{source.phase}{_deleting(source)}"
        return Refusal("SourceClaimNotBound", f"the source claim {claim} is {state}")
    return source


def _deleting(claim: SeenClaim) -> str:
    return ", and is being deleted" if claim.deleting else ""


def _plan(seen: Observation, around: Surroundings, source: SeenClaim) -> Plan | Refusal:
    name, there = destination.claim_name(seen.meta, seen.spec), around.destination
    template = seen.spec.destination.claim_template
    if template is None:
        if there is None:
            return Refusal("DestinationNotFound", f"there is no claim {name} in this namespace")
        return Plan(source=source, destination=there)
    if there is None:
        create = destination.to_create(name, template, source)
        future = destination.as_if_created(create, source, around.template_bytes)
        return Plan(source=source, destination=future, create=create)
    if there.created_for != seen.meta.uid:
        return Refusal("DestinationExists", taken_name.message(seen, around, there))
    return Plan(source=source, destination=there)


def _usable(plan: Plan, _: Surroundings) -> Refusal | None:
    claim = plan.destination
    if not claim.deleting and claim.phase != "Lost":
        return None
    state = f"{claim.phase}{_deleting(claim)}"
    return Refusal("DestinationNotUsable", f"the destination claim {claim.name} is {state}")


def _being_filled(plan: Plan, _: Surroundings) -> Refusal | None:
    if not plan.destination.filling:
        return None
    message = (
        f"the destination claim {plan.destination.name} is not filled yet as its DataVolume asks,"
        " which would write over the copy: wait until the DataVolume has Succeeded (annotate one"
        " that waits for a first consumer with cdi.kubevirt.io/storage.bind.immediate.requested),"
        " or use spec.destination.claimTemplate"
    )
    return Refusal("DestinationBeingFilled", message)


def _in_use(plan: Plan, around: Surroundings) -> Refusal | None:
    if not around.destination_users:
        return None
    users = ", ".join(around.destination_users)
    message = (
        f"the destination claim {plan.destination.name} is used by {users}; it would be written "
        "over"
    )
    return Refusal("DestinationInUse", message)


def _volume_mode(plan: Plan, around: Surroundings) -> Refusal | None:
    """A machine may be started after this; the compute side, which has the lock, looks again."""
    vm = around.virtual_machine
    if not plan.changes_mode or vm is None or vm.stopped:
        return None
    modes = ("Block", "Filesystem") if plan.source.block else ("Filesystem", "Block")
    state = "is started" if vm.started else "was not seen to be stopped yet"
    message = (
        f"spec.destination: the claim {plan.destination.name} has the volume mode {modes[1]}, the"
        f" source claim {plan.source.name} {modes[0]}, and VirtualMachine {vm.name} {state}: a"
        " running guest's disk cannot become the other kind; stop the virtual machine, or use a"
        " claim of the same mode"
    )
    return Refusal("VolumeModeDiffers", message)


def _access_modes(plan: Plan, _: Surroundings) -> Refusal | None:
    for claim in (plan.source, plan.destination):
        if not {RWO, RWX} & set(claim.access_modes):
            modes = ", ".join(claim.access_modes)
            message = f"the claim {claim.name} has {modes}; it must have {RWO} or {RWX}"
            return Refusal("AccessModeNotSupported", message)
    if RWX in plan.source.access_modes and RWX not in plan.destination.access_modes:
        message = (
            f"the source claim has {RWX} and the destination claim has not: the virtual machine "
            "could not be live-migrated any more"
        )
        return Refusal("AccessModeWeaker", message)
    return None


def _size(plan: Plan, _: Surroundings) -> Refusal | None:
    claim = plan.destination
    room = claim.capacity if claim.capacity is not None else claim.requested
    needed = plan.source.image_bytes
    if room >= needed:
        return None
    has = "has" if plan.source.block else "asks for"
    message = (
        f"the destination claim {claim.name} has {room} bytes, the source claim {has} {needed}:"
        " use one of at least that size"
    )
    return Refusal("DestinationTooSmall", message)


def _reaches(plan: Plan, around: Surroundings) -> Refusal | None:
    if around.destination_reaches is not False:
        return None
    message = (
        f"the destination claim {plan.destination.name} cannot be had on the node that the source"
        " is used on, by the topology of its volume or its storage class: choose another one"
    )
    return Refusal("DestinationNotOnNode", message)


def _storage_class(plan: Plan, around: Surroundings) -> Refusal | None:
    if plan.create is None or around.storage_class_exists in (None, True):
        return None
    message = f"there is no storage class {plan.create.storage_class}"
    return Refusal("StorageClassNotFound", message)


Check = Callable[[Plan, Surroundings], Refusal | None]

CHECKS: tuple[Check, ...] = (
    _usable,
    _being_filled,
    _in_use,
    _volume_mode,
    _access_modes,
    _size,
    _storage_class,
    _reaches,
)
