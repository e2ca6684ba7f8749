"""A disk's chain as libvirt and QEMU tell it, and what follows from it.

QEMU's own answer decides: ``query-block`` names the top node, and the identities of the files it
holds open say which image that is, because source and destination take turns at one path. Open
files alone do not decide: with a mirror ready all three are open.
"""

import dataclasses
import posixpath

from detour_agent.domain.situation import Job, PathImage
from detour_crds.attachment_switch import Identity, Top

BLOCK_JOB_NONE = 0
BLOCK_JOB_COPY = 2
BLOCK_JOB_ACTIVE_COMMIT = 4
FORMATLESS = frozenset({"raw", "file", "host_device"})
"""Drivers of a raw image's top node: newer libvirt has no format node over it (measured)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """One image of the chain in libvirt's XML."""

    file: str
    format: str


@dataclasses.dataclass(frozen=True, slots=True)
class Mirror:
    """The ``<mirror>`` element: ``ready`` is empty, ``yes``, ``pivot`` or ``abort``."""

    job: str
    file: str
    ready: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One disk of the live XML; ``layers`` is the chain from the top."""

    target: str
    kind: str
    device: str
    layers: tuple[Layer, ...]
    driver: tuple[tuple[str, str], ...] = ()
    mirror: Mirror | None = None
    shareable: bool = False
    read_only: bool = False
    has_data_store: bool = False
    other_targets: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class JobInfo:
    """libvirt's ``blockJobInfo``; progress in bytes."""

    kind: int = BLOCK_JOB_NONE
    done: int = 0
    total: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class MonitorNode:
    """A block node of QEMU."""

    name: str
    file: str
    driver: str
    read_only: bool


@dataclasses.dataclass(frozen=True, slots=True)
class MonitorJob:
    """A block job of QEMU; ``device`` is its id, ``stopped`` by an error that it waits for."""

    device: str
    ready: bool = False
    concluded: bool = False
    stopped: bool = False
    done: int = 0
    total: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Monitor:
    """What QEMU itself answered."""

    top: MonitorNode
    nodes: tuple[MonitorNode, ...] = ()
    jobs: tuple[MonitorJob, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One look through libvirt: the XML first, then QEMU, so that QEMU's answer is the younger."""

    libvirt_version: int
    disk: Disk | None
    job: JobInfo = JobInfo()
    monitor: Monitor | None = None
    no_space: bool = False
    """The guest is paused because a write of this disk found no space."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenFile:
    """An image file or block device that QEMU holds open."""

    identity: Identity
    writable: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the record says about the images of one switch."""

    canonical: str
    overlay_folder: str
    source: Identity | None = None
    destination: Identity | None = None


def same_path(one: str, other: str) -> bool:
    """Whether two paths inside the launcher are the same; ``/var/run`` is a link to ``/run``."""
    return _plain(one) == _plain(other)


def _plain(path: str) -> str:
    normal = posixpath.normpath(path)
    return normal.removeprefix("/var") if normal.startswith("/var/run/") else normal


def is_overlay(path: str, known: Known) -> bool:
    """Whether a path is an overlay of this switch, whichever attempt made it."""
    return same_path(posixpath.dirname(path), known.overlay_folder)


def holds(opened: tuple[OpenFile, ...], identity: Identity | None, *, writable: bool) -> bool:
    """Whether QEMU has the image open, or open for writing."""
    return any(file.identity == identity and (file.writable or not writable) for file in opened)


def top_image(monitor: Monitor, opened: tuple[OpenFile, ...], known: Known) -> Top:
    """Which image QEMU writes to."""
    top = monitor.top
    if top.driver == "qcow2" and is_overlay(top.file, known):
        return Top.OVERLAY
    if top.driver not in FORMATLESS or not same_path(top.file, known.canonical):
        return Top.FOREIGN
    source = holds(opened, known.source, writable=True)
    destination = holds(opened, known.destination, writable=True)
    if source and destination:
        return Top.UNKNOWN
    if source:
        return Top.SOURCE
    return Top.DESTINATION if destination else Top.FOREIGN


def path_image(at_path: Identity | None, known: Known) -> PathImage:
    """Which image the canonical path names; ``None`` where it could not be looked at."""
    if at_path is None:
        return PathImage.UNKNOWN
    if at_path == known.source:
        return PathImage.SOURCE
    return PathImage.DESTINATION if at_path == known.destination else PathImage.FOREIGN


def libvirt_agrees(report: Report) -> bool:
    """Whether libvirt's XML has the same image on top as QEMU."""
    if report.disk is None or report.monitor is None or not report.disk.layers:
        return False
    top = report.monitor.top
    same = same_path(report.disk.layers[0].file, top.file)
    mirror = report.disk.mirror
    # After a pivot libvirt may show the mirror for ever although QEMU has finished it.
    finished = mirror is not None and mirror.job == "copy" and same_path(mirror.file, top.file)
    return same and not finished


def job_state(report: Report, opened: tuple[OpenFile, ...], known: Known) -> Job:
    """The block job of the disk."""
    if report.disk is None or report.monitor is None:
        return Job.UNKNOWN
    mirror = report.disk.mirror
    if report.job.kind not in (BLOCK_JOB_NONE, BLOCK_JOB_COPY, BLOCK_JOB_ACTIVE_COMMIT):
        return Job.FOREIGN
    if mirror is None:
        return _job_without_mirror(report, report.disk.target, report.monitor)
    if mirror.ready in ("pivot", "abort"):
        return Job.ENDING
    ready = mirror.ready == "yes"
    if mirror.job == "active-commit":
        return Job.COMMIT_READY if ready else Job.COMMIT
    ours = same_path(mirror.file, known.canonical) and known.destination is not None
    if mirror.job != "copy" or not ours:
        return Job.FOREIGN
    if not ready:
        return Job.MIRROR
    good = holds(opened, known.destination, writable=True)
    return Job.MIRROR_READY if good else Job.FOREIGN


def heal_job(target: str) -> str:
    """Id of the commit that undoes a start behind libvirt's back."""
    return f"detour-commit-{target}"


def _job_without_mirror(report: Report, target: str, monitor: Monitor) -> Job:
    if report.job.kind != BLOCK_JOB_NONE:
        return Job.LOST
    live = [job for job in monitor.jobs if not job.concluded]
    for job in live:
        if job.device == heal_job(target):
            return Job.COMMIT_READY if job.ready else Job.COMMIT
    mine = any(f"-{target}-" in f"{job.device}-" for job in live)
    return Job.UNKNOWN if mine else Job.NONE


def base_node(monitor: Monitor, known: Known) -> MonitorNode | None:
    """The node of the frozen source below the overlay: its format node where it has one."""
    found = [
        node
        for node in monitor.nodes
        if same_path(node.file, known.canonical) and node.driver in FORMATLESS
    ]
    found.sort(key=lambda node: node.driver != "raw")
    return found[0] if found else None


def leftover_nodes(monitor: Monitor, known: Known) -> tuple[str, ...]:
    """Nodes QEMU no longer needs once it is off the overlay, those on top first.

    The source's are told from the destination's by libvirt's number, as both have one path; QEMU
    refuses to delete a node that is in use.
    """
    overlay = [node for node in monitor.nodes if is_overlay(node.file, known)]
    others = [
        node
        for node in monitor.nodes
        if same_path(node.file, known.canonical) and not _same_image(node, monitor.top)
    ]
    overlay.sort(key=lambda node: node.driver != "qcow2")
    others.sort(key=lambda node: node.driver != "raw")
    return tuple(node.name for node in overlay + others)


def _same_image(one: MonitorNode, other: MonitorNode) -> bool:
    """In libvirt an image's nodes are named ``libvirt-<number>-format`` and ``-storage``."""
    return one.name.rpartition("-")[0] == other.name.rpartition("-")[0]
