"""Looks at a disk that QEMU copies without an overlay; changes nothing."""

import dataclasses

from detour_agent.domain import chain, direct_chain, inspection, journal
from detour_agent.domain.chain import Known, OpenFile, Report
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import BlockDomain, ImageFile, OfflineMerge, Ports, Process
from detour_agent.domain.situation import Job, Target
from detour_agent.errors import DetourError, NotYet, Unreachable
from detour_agent.steps.context import UNBEGUN, Look, Memory, Switch, error_of
from detour_crds.attachment_switch import Identity, Inspection, Order, Stage
from detour_crds.names import (
    FINISHER_DESTINATION_DEVICE,
    FINISHER_DESTINATION_PATH,
    FINISHER_SOURCE_DEVICE,
    FINISHER_SOURCE_PATH,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What guest, holder and libvirt answered."""

    process: Process
    domain: BlockDomain
    report: Report
    opened: tuple[OpenFile, ...]
    canonical: ImageFile | None
    holder: Process | None
    destination: ImageFile | None
    known: Known


def of_running(base: Look, asked: Asked, switch: Switch, ports: Ports) -> Look:
    """The look with what is seen of a guest that runs."""
    report, known = asked.report, asked.known
    at_path = asked.canonical.identity if asked.canonical else None
    job = direct_chain.job_state(report)
    left = direct_chain.left_nodes(report)
    seen = dataclasses.replace(
        base.seen,
        top=direct_chain.top_image(report, asked.opened, known),
        job=job,
        path=chain.path_image(at_path, known),
        target=_target(base.record, asked, job, block=switch.attached.block),
        source_open=chain.holds(asked.opened, known.source, writable=False),
        source_writable=chain.holds(asked.opened, known.source, writable=True),
        made=base.record is not None and base.record.destination is not None,
        shown=_is_shown(asked.process, switch, ports),
        left=bool(left) and job is Job.NONE,
    )
    return dataclasses.replace(
        base,
        seen=seen,
        known=known,
        holder=asked.holder,
        domain=asked.domain,
        report=dataclasses.replace(report, job=direct_chain.progress(report)),
        opened=asked.opened,
        inspection=_inspection(base, asked),
    )


def _target(record: Record | None, asked: Asked, job: Job, *, block: bool) -> Target:
    """Whether the destination takes the copy; of one under way QEMU says so."""
    if record is None:
        return Target.UNKNOWN
    if direct_chain.is_stopped(asked.report):
        return Target.FAILED
    if job is not Job.NONE:
        return Target.GOOD
    if record.mirror_tries >= journal.MAX_MIRROR_TRIES:
        return Target.FAILED
    if asked.holder is None:
        return Target.UNKNOWN
    image, recorded = asked.destination, record.destination
    if image is None:
        return Target.FAILED if recorded is not None or block else Target.GOOD
    if not image.regular or image.identity == asked.known.source:
        return Target.FAILED
    if recorded is None and not block:
        return Target.GOOD  # it is to be made of the right size
    replaced = recorded is not None and image.identity != recorded
    small = image.size_bytes < record.virtual_size_bytes
    return Target.FAILED if replaced or small else Target.GOOD


def _is_shown(guest: Process, switch: Switch, ports: Ports) -> bool:
    try:
        return ports.mounts.is_shown(guest, switch.attached, switch.uid)
    except Unreachable:
        return True  # to be taken away is more than was seen, and harmless


def _inspection(base: Look, asked: Asked) -> Inspection | None:
    begun = base.wanted.order is not Order.NONE or base.seen.stage not in UNBEGUN
    if begun:
        return None
    capacity = asked.domain.capacity() if asked.report.disk is not None else 0
    return inspection.inspect_direct(asked.report, asked.known, capacity)


def of_gone(base: Look, switch: Switch, ports: Ports, memory: Memory) -> Look:
    """The look with both claims, where the guest was gone before its switch was seen."""
    pod, record = switch.compute.finisher_pod, base.record
    ordered = base.wanted.order is Order.DESTINATION
    if pod is None or not pod.uid or record is None or not ordered:
        return base
    if record.stage is not Stage.PIVOT:
        return base
    block = switch.attached.block
    source, destination = _places(block=block)
    try:
        finisher = ports.processes.find_finisher(pod.uid)
        if finisher is None:
            raise NotYet("FinisherNotFound", f"no process of the pod {pod.name} was found")
        old = ports.mounts.finisher_image(finisher, source, block=block)
        image = ports.mounts.finisher_image(finisher, destination, block=block)
    except DetourError as error:
        return dataclasses.replace(base, problem=error_of(error))
    good = _is(old, record.source, record) and _is(image, record.destination, record)
    seen = dataclasses.replace(
        base.seen,
        target=Target.GOOD if good else Target.FAILED,
        equal=_compared(memory, pod.uid, destination),
    )
    merge = None
    if image is not None and old is not None:
        merge = OfflineMerge(
            switch_uid=switch.uid,
            overlay="",
            finisher=finisher,
            path=destination,
            image=image,
            virtual_size_bytes=record.virtual_size_bytes,
            block=block,
            source_path=source,
            source_image=old,
        )
    return dataclasses.replace(base, seen=seen, merge=merge)


def _places(*, block: bool) -> tuple[str, str]:
    if block:
        return FINISHER_SOURCE_DEVICE, FINISHER_DESTINATION_DEVICE
    return FINISHER_SOURCE_PATH, FINISHER_DESTINATION_PATH


def _is(image: ImageFile | None, recorded: Identity | None, record: Record) -> bool:
    """Whether it is the image that was recorded; by inode alone, as after any attachment."""
    if image is None or not image.regular or image.size_bytes < record.virtual_size_bytes:
        return False
    return recorded is not None and image.identity.inode == recorded.inode


def _compared(memory: Memory, pod_uid: str, path: str) -> bool | None:
    if memory.compared is None or memory.compared[:2] != (pod_uid, path):
        return None
    return memory.compared[2]
