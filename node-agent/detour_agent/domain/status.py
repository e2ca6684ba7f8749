"""What is reported in ``status.node``, from one look and the row it fell on."""

import dataclasses

from detour_agent.domain.chain import JobInfo
from detour_agent.domain.int64 import at_most
from detour_agent.domain.journal import Record
from detour_agent.domain.situation import Job, Libvirt, Seen, Target, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds.attachment_switch import (
    Inspection,
    LastError,
    Merge,
    Node,
    Order,
    OverlayFile,
    Pressure,
    Qemu,
    Stage,
    Stopped,
    Top,
)
from detour_crds.volume_migration import Pauses

AHEAD = frozenset({Stage.OVERLAY, Stage.REFUSED})
OVERLAY_FAILED = "the overlay cannot be merged"
MERGING = frozenset({Job.MIRROR, Job.MIRROR_READY, Job.COMMIT, Job.COMMIT_READY})
STOP_MESSAGES = {
    "ChainAgainstRecord": (
        "QEMU runs on another image than the journal allows. Everything is kept; compare"
        " query-block in the guest's launcher with the journal on the node"
    ),
    "ForeignChain": (
        "QEMU's chain, its block job or the volume's path is not of this move (a snapshot or"
        " backup by others?). Nothing is touched; take it away and the move goes on"
    ),
    "StartFailed": (
        "the writes could not be diverted in three tries; the guest runs on the source as"
        " before. See lastError, then cancel"
    ),
    "OverlayMissing": (
        "the guest is gone and its overlay is not on this node's disk. Source and destination"
        " are kept; restore the overlay file or decide which one counts"
    ),
    "JournalMissing": (
        "the guest is gone and the journal beside its overlay is missing: nothing says which image"
        " holds its last writes. Source, overlay and destination are kept"
    ),
    "AmbiguousPivot": (
        "the guest was gone before the switch to the destination was seen, and the destination"
        " does not have all that is in the overlay. Both are kept"
    ),
    "AmbiguousCommit": (
        "the guest was gone before its return to the source was seen, and the source does not"
        " have all that is in the overlay. Both are kept"
    ),
    "DestinationFailed": (
        "the destination cannot take the overlay of the guest that stopped. Source and overlay"
        " hold its writes and are kept"
    ),
    "SourceFailed": (
        "the source's image is not there, or another one than at the start: it cannot take the"
        " overlay back. Everything is kept; bring the source back and this goes on"
    ),
    "LibvirtStale": (
        "libvirt lost sight of the overlay the guest runs on and cannot merge it. Cancel, or"
        " stop the guest"
    ),
}


OF_DIRECT = {
    "JournalMissing": (
        "the guest is gone and the journal of its move is missing: nothing says which of source"
        " and destination holds its last writes. Both are kept"
    ),
    "AmbiguousPivot": (
        "the guest was gone before the switch to the destination was seen, and source and"
        " destination differ: one of them has later writes than the other. Both are kept"
    ),
}
"""The same where QEMU copies the disk, without an overlay."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What goes into the report beside the decision."""

    token: str | None
    record: Record | None = None
    overlays: tuple[str, ...] = ()
    overlay_bytes: int = 0
    pressure: Pressure | None = None
    job: JobInfo = dataclasses.field(default_factory=JobInfo)
    inspection: Inspection | None = None
    pauses: Pauses = dataclasses.field(default_factory=Pauses)
    error: LastError | None = None


def node_status(wanted: Wanted, seen: Seen, step: Step, facts: Facts, before: Node) -> Node:
    """The report; ``before`` is the last one of the same attempt."""
    record = facts.record
    return Node(
        token=facts.token,
        observed_order=wanted.order,
        stage=_stage(wanted, seen, before),
        reached=reached(wanted, seen, step, before.reached or Order.NONE),
        top=seen.top,
        qemu=_qemu(seen, before),
        row=step.row,
        refused=True if _refused(wanted, seen) else None,
        stopped=_stopped(wanted, step),
        inspection=facts.inspection or before.inspection,
        overlay=_overlay(facts),
        merge=_merge(seen, facts.job, before.merge),
        # Kept without a journal: nothing else tells the two images apart once they share a path.
        source=record.source if record else before.source,
        destination=record.destination if record else before.destination,
        pauses=_pauses(facts.pauses, before.pauses),
        last_error=_error(seen, facts.error),
    )


def _qemu(seen: Seen, before: Node) -> Qemu:
    """A guest that was seen to be gone stays so within an attempt, also while nothing can be seen.

    As on another node while the finisher, by which the journal is reached there, is replaced: the
    operator records the new one only of a guest that is gone.
    """
    if seen.qemu is Qemu.UNKNOWN and before.qemu is Qemu.GONE:
        return Qemu.GONE
    return seen.qemu


def reached(wanted: Wanted, seen: Seen, step: Step, before: Order) -> Order:
    """The order that holds now, as seen in QEMU; what it was where nothing could be seen."""
    if seen.stage is Stage.DONE and seen.qemu is Qemu.GONE:
        return Order.DESTINATION
    if seen.qemu is Qemu.GONE and (seen.stage is Stage.CANCELLED or step.row == "D3"):
        return Order.SOURCE
    if step.row == "U1" or step.action is Action.STOP or seen.qemu is not Qemu.RUNNING:
        return before
    if seen.top is Top.OVERLAY:
        return _reached_on_overlay(seen)
    if wanted.direct and seen.top is Top.SOURCE and seen.stage in (Stage.MIRROR, Stage.PIVOT):
        ready = seen.job is Job.MIRROR_READY and seen.target is not Target.FAILED
        return Order.MIRRORED if ready else Order.NONE
    if seen.top is Top.DESTINATION:
        done = seen.stage is Stage.DONE and (not seen.source_open or before is Order.DESTINATION)
        return Order.DESTINATION if done else before
    cancelled = step.row in ("L3", "C10", "C11")
    return Order.SOURCE if cancelled and wanted.order is Order.SOURCE else Order.NONE


def _reached_on_overlay(seen: Seen) -> Order:
    if seen.stage in AHEAD:
        return Order.OVERLAY
    if seen.stage in (Stage.MIRROR, Stage.PIVOT):
        return Order.MIRRORED if seen.job is Job.MIRROR_READY else Order.OVERLAY
    return Order.NONE


def _refused(wanted: Wanted, seen: Seen) -> bool:
    """A promise never to pivot; ``cancelled`` before the order Source is a person's decision."""
    contradicted = seen.top in (Top.OVERLAY, Top.DESTINATION)
    cancelled = seen.stage is Stage.CANCELLED and not contradicted
    decided = cancelled and wanted.order is not Order.SOURCE
    outlives = seen.stage is Stage.MISSING and wanted.refused
    return seen.stage is Stage.REFUSED or decided or outlives


def _stage(wanted: Wanted, seen: Seen, before: Node) -> Stage | None:
    """A journal that was never needed is not a missing one; what was begun is not forgotten."""
    if seen.stage is not Stage.MISSING:
        return seen.stage
    if wanted.ever_reported:
        return before.stage
    return Stage.NONE if wanted.order is Order.NONE else Stage.MISSING


def _stopped(wanted: Wanted, step: Step) -> Stopped | None:
    if step.action is not Action.STOP:
        return None
    messages = {**STOP_MESSAGES, **(OF_DIRECT if wanted.direct else {})}
    return Stopped(reason=step.reason, message=messages.get(step.reason, step.reason))


def _overlay(facts: Facts) -> OverlayFile | None:
    if not facts.overlays:
        return None
    named = facts.record.overlays if facts.record else ()
    name = named[-1] if named and named[-1] in facts.overlays else facts.overlays[-1]
    return OverlayFile(
        name=name,
        bytes=at_most(facts.overlay_bytes),
        limit_bytes=(facts.record.limit_bytes or None) if facts.record else None,
        pressure=facts.pressure,
    )


def _merge(seen: Seen, job: JobInfo, before: Merge | None) -> Merge | None:
    """How far the merge is; once the guest has left the overlay, what was merged in all."""
    if seen.job in MERGING and job.total > 0:
        return Merge(bytes_done=job.done, bytes_total=job.total)
    return before if seen.top is Top.DESTINATION else None


def _pauses(new: Pauses, old: Pauses | None) -> Pauses | None:
    before = old or Pauses()
    pauses = Pauses(
        start_milliseconds=new.start_milliseconds or before.start_milliseconds,
        pivot_milliseconds=new.pivot_milliseconds or before.pivot_milliseconds,
        end_milliseconds=new.end_milliseconds or before.end_milliseconds,
    )
    return None if pauses == Pauses() else pauses


def _error(seen: Seen, error: LastError | None) -> LastError | None:
    if seen.stage is Stage.REFUSED or _destination_failed(seen):
        detail = f": {error.message}" if error and error.message else ""
        what = "the disk cannot be copied" if seen.top is Top.SOURCE else OVERLAY_FAILED
        return LastError(
            reason="DestinationFailed", message=f"{what} onto the destination{detail}"
        )
    if seen.top is Top.DESTINATION and seen.libvirt is Libvirt.STALE:
        return LastError(
            reason="LibvirtStale",
            message="the guest runs on the destination, but libvirt's XML does not say so; it does"
            " so again after the next restart of the virtual machine",
        )
    return error


def _destination_failed(seen: Seen) -> bool:
    if seen.top is Top.SOURCE:
        return seen.stage is Stage.MIRROR and seen.target is Target.FAILED
    idle = seen.top is Top.OVERLAY and seen.job is Job.NONE
    return idle and seen.stage is Stage.MIRROR and seen.target is Target.FAILED
