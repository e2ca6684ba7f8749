"""Whether the destination claim can take the disk; it may be named as late as it is asked for.

Of a running guest the node agent compares the images themselves. Of a stopped one nobody does
before it boots from the copy: there the claims have to do, as on the storage side.

KubeVirt makes a launcher by the modes of its claims (KubeVirt facts 2): a stopped machine's image
file may become a device, or a device an image file. A running guest's cannot, under an unchanged
path; nor can that of a guest which ran when the move began, and has an overlay to be merged.
"""

from detour_crds.attachment_switch import Order
from detour_operator.compute_side.observation import (
    Claim,
    Instance,
    Machine,
    Nothing,
    Observation,
)
from detour_operator.compute_side.refusal import Refusal


def destination(seen: Observation) -> Refusal | None:
    """What is wrong with it; None if nothing is, or if it is not there yet."""
    source, wanted = seen.source_claim, seen.destination_claim
    if not isinstance(source, Claim) or not isinstance(wanted, Claim):
        return None
    refused = _usable(source, wanted) or mode(seen)
    if refused is not None or isinstance(seen.instance, Instance):
        return refused
    return _large_enough(source, wanted) or _unused(seen, wanted)


def _usable(source: Claim, wanted: Claim) -> Refusal | None:
    where = _where(wanted)
    if wanted.uid == source.uid:
        return Refusal("DestinationIsSource", f"{where} is the source: name another claim")
    if wanted.deleting:
        return Refusal("DestinationDeleting", f"{where} is being deleted: name another claim")
    if wanted.filling:
        message = f"{where} is not filled yet as its DataVolume asks, which would write over it"
        return Refusal("DestinationBeingFilled", f"{message}: wait until that has Succeeded")
    if "ReadWriteOncePod" in wanted.access_modes:
        message = f"{where} is ReadWriteOncePod: no second pod could hold it beside the launcher"
        return Refusal("AccessModeNotSupported", f"{message}; use ReadWriteOnce")
    return None


def mode(seen: Observation) -> Refusal | None:
    """Why the disk cannot become of the destination's volume mode; None if it can, or has it."""
    source, wanted = seen.source_claim, seen.destination_claim
    if not isinstance(source, Claim) or not isinstance(wanted, Claim):
        return None
    if wanted.volume_mode == source.volume_mode:
        return None
    if not _is_stopped(seen):
        message = (
            f"{_where(wanted)} has the volume mode {wanted.volume_mode}, the source"
            f" {source.volume_mode}, and a running guest's disk cannot become the other kind: stop"
            " the virtual machine before the move, or use a claim of the same mode"
        )
        return Refusal("VolumeModeDiffers", message)
    if source.block and isinstance(seen.machine, Machine) and seen.machine.lun:
        message = (
            f"volume {seen.switch.spec.volume} is a lun, which has to be a device, and"
            f" {_where(wanted)} has the volume mode {wanted.volume_mode}: use a claim of the mode"
            " Block, or make it a disk of the kind disk"
        )
        return Refusal("LunNeedsBlock", message)
    return None


def _is_stopped(seen: Observation) -> bool:
    """Whether there is no guest, and was none when the source was frozen."""
    ran = seen.switch.order is not Order.NONE and not seen.switch.compute.offline
    return seen.instance is Nothing.ABSENT and not ran


def _large_enough(source: Claim, wanted: Claim) -> Refusal | None:
    room = wanted.requested_bytes if wanted.capacity_bytes is None else wanted.capacity_bytes
    if room >= source.image_bytes:
        return None
    has = "has" if source.block else "asks for"
    message = (
        f"{_where(wanted)} has {room} bytes, the source claim {source.name} {has}"
        f" {source.image_bytes}: use one of at least that size"
    )
    return Refusal("DestinationTooSmall", message)


def _unused(seen: Observation, wanted: Claim) -> Refusal | None:
    if not isinstance(seen.destination_users, tuple) or not seen.destination_users:
        return None
    users = ", ".join(seen.destination_users)
    message = f"{_where(wanted)} is used by {users}, and would be written over: end that first"
    return Refusal("DestinationInUse", message)


def _where(wanted: Claim) -> str:
    return f"spec.destination: the claim {wanted.name}"
