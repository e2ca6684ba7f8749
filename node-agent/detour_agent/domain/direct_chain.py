"""A disk that QEMU itself copies, as QEMU tells of it: the switch's ``mirror`` form; pure.

The job is Detour's own and libvirt knows nothing of it: libvirt's view of the disk is the same
before, during and after the move. The image is told by the identities of the files that QEMU has
open for writing, because source and destination take turns at one path.
"""

from detour_agent.domain.chain import (
    BLOCK_JOB_NONE,
    FORMATLESS,
    Disk,
    JobInfo,
    Known,
    Monitor,
    MonitorJob,
    OpenFile,
    Report,
    holds,
    same_path,
)
from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Top


def job_id(target: str) -> str:
    """Name of the copy's job in QEMU, by the disk's target (``vda``)."""
    return f"detour-mirror-{target}"


def node_names(target: str) -> tuple[str, str]:
    """Names of the destination's nodes in QEMU while it is copied to: format and storage."""
    return f"detour-{target}-format", f"detour-{target}-storage"


def job_of(report: Report) -> MonitorJob | None:
    """Detour's job on this disk, None if QEMU has none."""
    if report.disk is None or report.monitor is None:
        return None
    wanted = job_id(report.disk.target)
    return next((job for job in report.monitor.jobs if job.device == wanted), None)


def left_nodes(report: Report) -> tuple[str, ...]:
    """Those of the destination's own nodes that QEMU has, in the order they can be closed in."""
    if report.disk is None or report.monitor is None:
        return ()
    there = {node.name for node in report.monitor.nodes}
    return tuple(name for name in node_names(report.disk.target) if name in there)


def is_stopped(report: Report) -> bool:
    """Whether a read or a write failed: the job then waits, and the guest goes on without it."""
    job = job_of(report)
    return job is not None and job.stopped


def progress(report: Report) -> JobInfo:
    """How far the copy is; zeroes without a job."""
    job = job_of(report)
    return JobInfo(done=job.done, total=job.total) if job else JobInfo()


def job_state(report: Report) -> Job:
    """The block job of the disk; that of others is foreign."""
    if report.disk is None or report.monitor is None:
        return Job.UNKNOWN
    if report.job.kind != BLOCK_JOB_NONE or report.disk.mirror is not None:
        return Job.FOREIGN
    job = job_of(report)
    if job is None:
        return Job.NONE
    if job.concluded:
        return Job.ENDING
    return Job.MIRROR_READY if job.ready and not job.stopped else Job.MIRROR


def top_image(report: Report, opened: tuple[OpenFile, ...], known: Known) -> Top:
    """Which image QEMU writes to.

    While the job runs it writes to both, and the source is what the guest reads. In the middle of
    the switch one of them may be open for reading only.
    """
    if not _is_plain(report.disk, report.monitor, known):
        return Top.FOREIGN
    source = holds(opened, known.source, writable=True)
    destination = holds(opened, known.destination, writable=True)
    if job_of(report) is not None:
        return Top.SOURCE if source else Top.UNKNOWN
    if source != destination:
        return Top.SOURCE if source else Top.DESTINATION
    open_at_all = holds(opened, known.source, writable=False) or holds(
        opened, known.destination, writable=False
    )
    return Top.UNKNOWN if open_at_all else Top.FOREIGN


def _is_plain(disk: Disk | None, monitor: Monitor | None, known: Known) -> bool:
    """One raw image at the volume's path, by libvirt's word and by QEMU's."""
    if disk is None or monitor is None or len(disk.layers) != 1:
        return False
    layer, top = disk.layers[0], monitor.top
    at_path = same_path(layer.file, known.canonical) and same_path(top.file, known.canonical)
    return at_path and layer.format == "raw" and top.driver in FORMATLESS
