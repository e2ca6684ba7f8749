"""Steps that only write the journal."""

import dataclasses

from detour_agent.domain import budget
from detour_agent.domain.chain import is_overlay
from detour_agent.domain.journal import Record
from detour_agent.steps.context import Pass
from detour_crds.attachment_switch import Stage

HEALED = frozenset({Stage.OVERLAY, Stage.CANCEL, Stage.CANCELLED, Stage.START})
"""Stages at which an undone start is over, one way or the other."""


def journal(work: Pass, stage: Stage) -> None:
    """Move the record to a stage (rows L5, L7, L11, L14, L16, L18, C1, C6, C8, C9, H3, H4)."""
    _flush_before(work, stage)
    healing = work.record.healing and stage not in HEALED
    work.write(dataclasses.replace(work.record, stage=stage, healing=healing))


def rebuild(work: Pass, stage: Stage) -> None:
    """Write a journal from what is seen, where none is there (row J1)."""
    _flush_before(work, stage)
    work.write(dataclasses.replace(blank(work), stage=stage, overlays=_overlays(work)))


def _flush_before(work: Pass, stage: Stage) -> None:
    """Whoever reads the stage ``overlay`` may take a snapshot of the source's volume.

    QEMU has flushed the image when it took the overlay, unless the guest's cache mode keeps it
    from that.
    """
    if stage is not Stage.OVERLAY:
        return
    mounts, volume = work.ports.mounts, work.switch.attached
    found = work.look.known.source or mounts.canonical_image(work.guest, volume).identity
    mounts.flush(work.guest, volume, found)


def blank(work: Pass) -> Record:
    """A record of this switch and attempt that intends nothing."""
    switch, known = work.switch, work.look.known
    size = switch.node.inspection.virtual_size_bytes if switch.node.inspection else None
    return Record(
        switch_uid=switch.uid,
        namespace=switch.namespace,
        name=switch.name,
        token=switch.compute.token or "",
        volume=switch.volume,
        domain=switch.compute.domain or "",
        stage=Stage.NONE,
        source=known.source,
        destination=known.destination,
        virtual_size_bytes=size or work.domain.capacity(),
        limit_bytes=_limit(work),
    )


def _limit(work: Pass) -> int:
    """What an overlay may take; one that is there may grow by what there is room for."""
    there = work.look.overlay_bytes
    if work.look.room is None:
        return work.switch.wanted_limit or 0
    wanted = work.switch.wanted_limit
    more = budget.spare(work.look.room, there)
    return there + more if wanted is None else min(wanted, there + more)


def _overlays(work: Pass) -> tuple[str, ...]:
    report = work.look.report
    top = report.monitor.top.file if report and report.monitor else ""
    named = (top.rsplit("/", 1)[-1],) if is_overlay(top, work.look.known) else ()
    return tuple(dict.fromkeys((*work.look.overlays, *named)))
