"""QEMU copies the disk while the guest writes to both images, and is switched (rows M1 to M22).

QEMU opens the guest's image anew, by its name, when the job of a copy ends (measured). So the
destination is given to it under a path of its own, and the volume's path names the destination for
the switch alone: ended gently, the job holds the guest's requests back, ends only once both images
are the same, and the guest goes on with what the path names. libvirt's view of the disk, and the
guest's XML, stay what they were.
"""

import dataclasses

from detour_agent.domain import inspection
from detour_agent.domain.direct_chain import left_nodes
from detour_agent.domain.ports import CopyTarget, Process
from detour_agent.errors import NotYet, StepFailed
from detour_agent.steps import record as records
from detour_agent.steps.context import Pass, elapsed_milliseconds
from detour_crds.attachment_switch import Identity, Stage


def begin(work: Pass) -> None:
    """Journal that QEMU is to copy (M1), after one more inspection.

    Raises:
        StepFailed: the chain is no longer what was accepted; nothing was changed.
    """
    capacity = work.domain.capacity()
    if work.look.report is None:
        raise NotYet("NotLookedAt", "the guest was not looked at")
    found = inspection.inspect_direct(work.look.report, work.look.known, capacity)
    if found.reason != inspection.ACCEPTED:
        raise StepFailed(found.reason or "StartFailed", found.message or "")
    fresh = dataclasses.replace(
        records.blank(work), stage=Stage.MIRROR, destination=None, virtual_size_bytes=capacity
    )
    work.write(fresh)


def make(work: Pass) -> None:
    """Make a blank image on the destination, and journal which one it is (M3).

    QEMU is given no image that is not journalled, so that this may be repeated.

    Raises:
        StepFailed: it cannot be made, or is not as it has to be.
    """
    mounts, block, holder = work.ports.mounts, work.switch.attached.block, _holder(work)
    if not block:
        mounts.make_blank(holder, work.record.virtual_size_bytes)
    image = mounts.destination_image(holder, block=block)
    if image is None or not image.regular or image.size_bytes < work.record.virtual_size_bytes:
        raise StepFailed("DestinationNotMade", "the destination has no image of the disk's size")
    work.write(dataclasses.replace(work.record, destination=image.identity))


def show(work: Pass) -> None:
    """Give the launcher the destination at a path of its own (M4)."""
    mounts, volume = work.ports.mounts, work.switch.attached
    mounts.show(work.guest, _holder(work), volume, work.switch.uid, _destination(work))


def mirror(work: Pass) -> None:
    """Begin the copy; every write of the guest goes to both images from here on (M5).

    Raises:
        StepFailed: QEMU refuses, or a path names another image than it has to.
    """
    _close_nodes(work)
    mounts, volume, record = work.ports.mounts, work.switch.attached, work.record
    image = mounts.shown_image(work.guest, volume, work.switch.uid)
    if image is None or image.identity != _destination(work):
        raise StepFailed("PathChanged", "the destination is not at its own path any more")
    _at_path(work, _source(work))
    mounts.allow(work.guest, volume, image.identity)
    record = work.write(dataclasses.replace(record, mirror_tries=record.mirror_tries + 1))
    target = CopyTarget(
        path=volume.beside(work.switch.uid),
        size_bytes=image.size_bytes,
        virtual_size_bytes=record.virtual_size_bytes,
        block=volume.block,
    )
    work.domain.mirror(target, work.switch.bytes_per_second)


def swap(work: Pass) -> None:
    """End the copy gently, with the path on the destination: the guest goes on there (M11)."""
    _at_path(work, _destination(work))
    before = work.ports.clock.now()
    work.domain.mirror_end(gently=True)
    took = elapsed_milliseconds(before, work.ports.clock.now())
    work.memory.pauses = dataclasses.replace(work.memory.pauses, pivot_milliseconds=took)


def drop(work: Pass) -> None:
    """End the copy at once, with the path on the source: the guest stays there (M18)."""
    _at_path(work, _source(work))
    work.domain.mirror_end(gently=False)


def tidy(work: Pass) -> None:
    """Close the destination's own nodes in QEMU, and take its own path away (M15, M19)."""
    _close_nodes(work)
    work.ports.mounts.hide(work.guest, work.switch.attached, work.switch.uid)


def compare(work: Pass) -> None:
    """Whether source and destination of a guest that is gone are the same (M22)."""
    merge = work.look.merge
    if merge is None:
        raise NotYet("FinisherNotFound", "the finisher's claims were not seen")
    equal = work.ports.offline.identical(merge)
    pod = work.switch.compute.finisher_pod
    if pod is not None:
        work.memory.compared = (pod.uid or "", merge.path, equal)


def _holder(work: Pass) -> Process:
    if work.look.holder is None:
        raise NotYet("HolderNotFound", "the holder pod's process was not found")
    return work.look.holder


def _source(work: Pass) -> Identity:
    if work.record.source is None:
        raise StepFailed("IdentityUnknown", "the journal does not say which image is the source")
    return work.record.source


def _destination(work: Pass) -> Identity:
    if work.record.destination is None:
        raise StepFailed("IdentityUnknown", "the journal does not name the destination's image")
    return work.record.destination


def _at_path(work: Pass, wanted: Identity) -> None:
    """See that the guest's image is at its path, last thing before QEMU opens it by that."""
    volume = work.switch.attached
    image = work.ports.mounts.canonical_image(work.guest, volume)
    if image.identity != wanted:
        raise StepFailed("PathChanged", "the path names another image than it has to")
    work.ports.mounts.allow(work.guest, volume, wanted)


def _close_nodes(work: Pass) -> None:
    report = work.look.report
    for node in left_nodes(report) if report else ():
        work.domain.monitor_delete(node)
