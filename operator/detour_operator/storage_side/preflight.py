"""Whether a move may start: named checks, each with its own reason; pure.

Nothing has been changed while one of them refuses. What concerns the running guest is checked by
the compute side, which refuses by its switch's ``Accepted``.
"""

import dataclasses
from collections.abc import Callable

from detour_crds.volume_migration import (
    CopyMethod,
    HandoverMode,
    NearLimit,
    OverlayPlace,
    SourceReclaimPolicy,
    Verify,
    VolumeMigrationSpec,
    WhenStopped,
)
from detour_operator.storage_side import destination
from detour_operator.storage_side.actions import CreateClaim
from detour_operator.storage_side.observation import Observation, SeenClaim, Surroundings

NOT_YET_SUPPORTED = "NotYetSupported"
NAME_LIMIT = 63
"""Of a label's value: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""
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
    """

    source: SeenClaim
    destination: SeenClaim
    create: CreateClaim | None = None


def check(seen: Observation, around: Surroundings) -> Plan | Refusal:
    """The plan, or the first reason against it."""
    refused = _name(seen) or unsupported(seen.spec)
    if refused is not None:
        return refused
    source = _source(seen, around)
    if isinstance(source, Refusal):
        return source
    plan = _plan(seen, around, source)
    if isinstance(plan, Refusal):
        return plan
    return next((found for one in CHECKS if (found := one(plan, around))), plan)


def unsupported(spec: VolumeMigrationSpec) -> Refusal | None:
    """What the spec asks for that this version does not do."""
    method = spec.copy.method
    for field, asked, only in (
        ("spec.dryRun", spec.dry_run, False),
        ("spec.copy.method", method, CopyMethod.AUTO),
        ("spec.copy.bandwidthLimit", spec.copy.bandwidth_limit, None),
        ("spec.copy.verify", spec.copy.verify, Verify.NONE),
        ("spec.overlay.where", spec.overlay.where, OverlayPlace.NODE_LOCAL),
        ("spec.overlay.limit", spec.overlay.limit, None),
        ("spec.overlay.nearLimit", spec.overlay.near_limit, NearLimit.CANCEL),
        ("spec.handover", spec.handover, HandoverMode.PATCH),
        ("spec.sourceReclaimPolicy", spec.source_reclaim_policy, SourceReclaimPolicy.RETAIN),
        ("spec.whenStopped", spec.when_stopped, WhenStopped.AUTO),
    ):
        if asked not in (only, CopyMethod.HOST_ASSISTED):
            shown = str(asked).lower() if isinstance(asked, bool) else asked
            message = f"{field}: {shown} is not supported yet; leave the field out"
            return Refusal(NOT_YET_SUPPORTED, message)
    return None


def _name(seen: Observation) -> Refusal | None:
    if len(seen.meta.name) <= NAME_LIMIT:
        return None
    return Refusal("NameTooLong", f"the name must have at most {NAME_LIMIT} characters")


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
        message = (
            f"a claim {name} exists that was not created for this migration; name another one in "
            "spec.destination.claimTemplate.name, or use it with spec.destination.claimName"
        )
        return Refusal("DestinationExists", message)
    return Plan(source=source, destination=there)


def _is_source(plan: Plan, _: Surroundings) -> Refusal | None:
    if plan.destination.name != plan.source.name:
        return None
    message = f"the disk is on the claim {plan.source.name} already; name another destination"
    return Refusal("DestinationIsSource", message)


def _usable(plan: Plan, _: Surroundings) -> Refusal | None:
    claim = plan.destination
    if not claim.deleting and claim.phase != "Lost":
        return None
    state = f"{claim.phase}{_deleting(claim)}"
    return Refusal("DestinationNotUsable", f"the destination claim {claim.name} is {state}")


def _in_use(plan: Plan, around: Surroundings) -> Refusal | None:
    if not around.destination_users:
        return None
    users = ", ".join(around.destination_users)
    message = (
        f"the destination claim {plan.destination.name} is used by {users}; it would be written "
        "over"
    )
    return Refusal("DestinationInUse", message)


def _volume_mode(plan: Plan, _: Surroundings) -> Refusal | None:
    if plan.source.block != plan.destination.block:
        message = "source and destination must both have the volume mode Filesystem"
        return Refusal("VolumeModeDiffers", message)
    if plan.source.block:
        message = "the source claim has the volume mode Block, which is not supported yet"
        return Refusal(NOT_YET_SUPPORTED, message)
    return None


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
    if room >= plan.source.requested:
        return None
    message = (
        f"the destination claim {claim.name} has {room} bytes, the source claim asks for "
        f"{plan.source.requested}"
    )
    return Refusal("DestinationTooSmall", message)


def _storage_class(plan: Plan, around: Surroundings) -> Refusal | None:
    if plan.create is None or around.storage_class_exists in (None, True):
        return None
    message = f"there is no storage class {plan.create.storage_class}"
    return Refusal("StorageClassNotFound", message)


Check = Callable[[Plan, Surroundings], Refusal | None]

CHECKS: tuple[Check, ...] = (
    _is_source,
    _usable,
    _in_use,
    _volume_mode,
    _access_modes,
    _size,
    _storage_class,
)
