"""Looks at a guest that runs: libvirt, QEMU, its mounts; changes nothing."""

import dataclasses

from detour_agent.domain import chain, inspection, journal
from detour_agent.domain.chain import Known, OpenFile, Report
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import BlockDomain, ImageFile, Ports, Process
from detour_agent.domain.situation import Job, Libvirt, Target
from detour_agent.errors import DetourError, NotYet, Unreachable
from detour_agent.steps import inspect_direct
from detour_agent.steps.context import UNBEGUN, Look, Memory, Switch, error_of
from detour_crds.attachment_switch import Inspection, LastError, Order, Qemu, Stage, Top
from detour_crds.volume_migration import OverlayPlace

SETTLE_SECONDS = 5.0
"""How long libvirt and QEMU must disagree, or a job be lost, before it counts: a call may still be
under way in the daemon, and its own end is better than any cure."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Guest:
    """What was seen of a guest that runs."""

    process: Process
    domain: BlockDomain
    report: Report
    opened: tuple[OpenFile, ...]
    canonical: ImageFile | None


def look(base: Look, process: Process, switch: Switch, ports: Ports, memory: Memory) -> Look:
    """The look with what is seen of the guest, and the problem where one could not ask."""
    running = dataclasses.replace(
        base, guest=process, seen=dataclasses.replace(base.seen, qemu=Qemu.RUNNING)
    )
    try:
        answers = _ask(process, switch, ports, switch.compute.domain or "")
    except DetourError as error:
        problem = error_of(error)
        return dataclasses.replace(running, problem=problem)
    return _understand(running, answers, switch, ports, memory)


def _ask(process: Process, switch: Switch, ports: Ports, name: str) -> _Guest:
    domain = ports.connect(process, name, switch.volume)
    report = domain.report()
    opened = ports.processes.opened(process)
    try:
        canonical = ports.mounts.canonical_image(process, switch.attached)
    except Unreachable:
        canonical = None
    return _Guest(
        process=process, domain=domain, report=report, opened=opened, canonical=canonical
    )


def _understand(base: Look, guest: _Guest, switch: Switch, ports: Ports, memory: Memory) -> Look:
    holder, destination, problem = _destination(base, switch, ports)
    known = known_of(switch, base.record, guest.canonical, destination)
    if switch.direct:
        asked = inspect_direct.Asked(
            process=guest.process,
            domain=guest.domain,
            report=guest.report,
            opened=guest.opened,
            canonical=guest.canonical,
            holder=holder,
            destination=destination,
            known=known,
        )
        base = dataclasses.replace(base, problem=problem)
        return inspect_direct.of_running(base, asked, switch, ports)
    monitor = guest.report.monitor
    top = chain.top_image(monitor, guest.opened, known) if monitor else Top.FOREIGN
    writable = chain.holds(guest.opened, known.source, writable=True)
    path = chain.path_image(guest.canonical.identity if guest.canonical else None, known)
    job = _job(guest, known, ports, memory)
    seen = dataclasses.replace(
        base.seen,
        top=top,
        job=job,
        path=path,
        target=_target(base.record, guest.canonical, destination, known),
        libvirt=_agreement(guest.report, ports, memory),
        source_open=chain.holds(guest.opened, known.source, writable=False),
        source_writable=writable,
        base_is_source=writable
        and not chain.holds(guest.opened, known.destination, writable=True),
    )
    return dataclasses.replace(
        base,
        seen=seen,
        known=known,
        holder=holder,
        domain=guest.domain,
        report=guest.report,
        opened=guest.opened,
        inspection=_inspection(base, switch, guest, known),
        problem=problem,
    )


def _destination(
    base: Look, switch: Switch, ports: Ports
) -> tuple[Process | None, ImageFile | None, LastError | None]:
    """The holder's image, looked at once the copy is done and until the mirror is over."""
    pod = switch.compute.holder_pod
    merging = base.seen.stage in (Stage.OVERLAY, Stage.MIRROR, Stage.PIVOT, Stage.MISSING)
    ordered = base.wanted.order in (Order.MIRRORED, Order.DESTINATION)
    if pod is None or not pod.uid or not merging or not ordered:
        return None, None, None
    try:
        holder = ports.processes.find_holder(pod.uid)
        if holder is None:
            raise NotYet("HolderNotFound", f"no process of the holder pod {pod.name} was found")
        block = switch.attached.block
        return holder, ports.mounts.destination_image(holder, block=block), None
    except DetourError as error:
        return None, None, error_of(error)


def _target(
    record: Record | None,
    canonical: ImageFile | None,
    destination: ImageFile | None,
    known: Known,
) -> Target:
    """Whether the destination can take the merge."""
    if record is None:
        return Target.UNKNOWN
    if record.mirror_tries >= journal.MAX_MIRROR_TRIES:
        return Target.FAILED
    mounted = canonical is not None and canonical.identity == record.destination
    image = canonical if mounted else destination
    if image is None:
        return Target.UNKNOWN
    replaced = record.destination is not None and image.identity != record.destination
    small = image.size_bytes < record.virtual_size_bytes
    if replaced or small or not image.regular or image.identity == known.source:
        return Target.FAILED
    return Target.GOOD


def _agreement(report: Report, ports: Ports, memory: Memory) -> Libvirt:
    if report.monitor is None or chain.libvirt_agrees(report):
        memory.disagrees_since = None
        return Libvirt.AGREES
    now = ports.clock.now()
    if memory.disagrees_since is None:
        memory.disagrees_since = now
    old = now - memory.disagrees_since >= SETTLE_SECONDS
    return Libvirt.STALE if old else Libvirt.SETTLING


def _job(guest: _Guest, known: Known, ports: Ports, memory: Memory) -> Job:
    """A job that has just come or is about to go is seen in parts as well: lost is what lasts."""
    job = chain.job_state(guest.report, guest.opened, known)
    if job is not Job.LOST:
        memory.lost_since = None
        return job
    now = ports.clock.now()
    if memory.lost_since is None:
        memory.lost_since = now
    return job if now - memory.lost_since >= SETTLE_SECONDS else Job.ENDING


def _inspection(base: Look, switch: Switch, guest: _Guest, known: Known) -> Inspection | None:
    """Only before anything is ordered: later the chain is ours and no longer plain."""
    begun = base.wanted.order is not Order.NONE or base.seen.stage not in UNBEGUN
    # A claim of the overlay's own is made after this, as large as it has to be.
    to_be_made = switch.overlay.where is OverlayPlace.CLAIM and switch.compute.overlay_pod is None
    if begun or (base.room is None and not to_be_made):
        return None
    capacity = guest.domain.capacity() if guest.report.disk is not None else 0
    return inspection.inspect(guest.report, known, capacity, base.room, switch.wanted_limit)


def known_of(
    switch: Switch,
    record: Record | None,
    at_path: ImageFile | None,
    destination: ImageFile | None,
) -> Known:
    """Identities by the journal; without one, by what the API was told; else by what is there."""
    source = record.source if record else switch.node.source
    target = record.destination if record else switch.node.destination
    if source is None and at_path is not None:
        source = at_path.identity
    if target is None and destination is not None:
        target = destination.identity
    return Known(
        canonical=switch.canonical,
        overlay_folder=switch.overlay_folder,
        source=source,
        destination=target,
    )
