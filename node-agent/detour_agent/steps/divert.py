"""The start: the guest's writes go to an overlay from here on (rows L1, L2, L4, H1 to H5)."""

import dataclasses

from detour_agent.domain import inspection, journal
from detour_agent.domain.chain import base_node, leftover_nodes
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import OverlayImage
from detour_agent.errors import NotYet, StepFailed
from detour_agent.steps import record as records
from detour_agent.steps.context import Pass, elapsed_milliseconds
from detour_crds.attachment_switch import Stage


def begin(work: Pass) -> None:
    """Journal the start and the first overlay's name (L1), after one more inspection.

    Raises:
        StepFailed: the chain is no longer what was accepted; nothing was changed.
    """
    capacity = work.domain.capacity()
    if work.look.report is None:
        raise NotYet("NotLookedAt", "the guest was not looked at")
    room = work.ports.images.room(work.switch.uid)
    found = inspection.inspect(
        work.look.report, work.look.known, capacity, room, work.switch.wanted_limit
    )
    if found.reason != inspection.ACCEPTED:
        raise StepFailed(found.reason or "StartFailed", found.message or "")
    fresh = dataclasses.replace(
        records.blank(work), stage=Stage.START, destination=None, virtual_size_bytes=capacity
    )
    work.write(journal.with_next_overlay(fresh, _attempt(work)))


def start(work: Pass) -> None:
    """Create the overlay, show it to the launcher, and divert the writes (L2).

    A name is handed to libvirt once: what a call that failed has left in QEMU could hold it.
    """
    record = _named(work)
    name = record.overlays[-1]
    work.ports.images.create(
        work.switch.uid,
        name,
        OverlayImage(
            backing=work.switch.canonical,
            virtual_size_bytes=record.virtual_size_bytes,
            se_linux_level=work.switch.compute.se_linux_level or "",
        ),
    )
    work.ports.mounts.expose_overlay(work.guest, work.switch.uid)
    if record.source is not None:
        work.ports.mounts.allow(work.guest, work.switch.attached, record.source)
    work.write(dataclasses.replace(record, tried=record.tried + 1))
    before = work.ports.clock.now()
    work.domain.snapshot(f"{work.switch.overlay_folder}/{name}")
    took = elapsed_milliseconds(before, work.ports.clock.now())
    work.memory.pauses = dataclasses.replace(work.memory.pauses, start_milliseconds=took)


def discard(work: Pass) -> None:
    """Take back a start that has not happened (L4).

    The journal first: an overlay that is gone in the stage ``start`` would look lost if the guest
    ended at this moment. What a crash leaves of the file, row C11 or D3 removes.
    """
    records.journal(work, Stage.CANCELLED)
    work.ports.images.remove(work.switch.uid, work.look.overlays)


def heal(work: Pass) -> None:
    """Commit an overlay that libvirt does not know of, through QEMU itself (H1, C4).

    Raises:
        StepFailed: the base is not to be found in QEMU.
    """
    report = work.look.report
    monitor = report.monitor if report else None
    base = base_node(monitor, work.look.known) if monitor else None
    if monitor is None or base is None:
        raise StepFailed("BaseNotFound", "QEMU has no node for the source below the overlay")
    if work.record.stage is Stage.START:
        work.write(dataclasses.replace(work.record, healing=True))
    work.domain.monitor_commit(monitor.top.name, base.name)


def restart(work: Pass) -> None:
    """The lost start is undone: clear what it left in QEMU and start again (H5).

    Its overlay is stale from here on; it leaves the record together with the stage, so that
    nobody ever takes it for the one that holds the guest's writes.
    """
    clear_nodes(work)
    work.write(dataclasses.replace(work.record, stage=Stage.START, healing=False, overlays=()))
    work.ports.images.remove(work.switch.uid, work.look.overlays)


def clear_nodes(work: Pass) -> tuple[int, StepFailed | None]:
    """Close the nodes nothing uses any more: how many QEMU let go, and its first refusal."""
    closed, refusal = 0, None
    report = work.look.report
    if report is None or report.monitor is None:
        return closed, refusal
    for node in leftover_nodes(report.monitor, work.look.known):
        try:
            work.domain.monitor_delete(node)
            closed += 1
        except StepFailed as error:
            refusal = refusal or error
    return closed, refusal


def _named(work: Pass) -> Record:
    record = journal.with_next_overlay(work.record, _attempt(work))
    return record if record is work.record else work.write(record)


def _attempt(work: Pass) -> int:
    return work.switch.compute.attempt or 1
