"""Whether a running guest's disk can be moved live, from one look; each refusal has its reason."""

from collections.abc import Callable

from detour_agent.domain import budget
from detour_agent.domain.budget import Room
from detour_agent.domain.chain import BLOCK_JOB_NONE, FORMATLESS, Disk, Known, Report, same_path
from detour_crds.attachment_switch import Inspection

OLDEST_LIBVIRT = 11_001_000
"""libvirt 11.1.0: since then the storage backend for files is compiled in, without which an
external snapshot onto a file fails (libvirt's NEWS; KubeVirt facts 1.1)."""
OLDEST_TO_MIRROR = 9_000_000
"""libvirt 9.0.0, of KubeVirt 1.0, comes with a QEMU that copies with synchronous writes; measured
with that one."""
ACCEPTED = "Accepted"

Refusal = tuple[str, str]


def inspect(
    report: Report, known: Known, virtual_size_bytes: int, room: Room | None, limit: int | None
) -> Inspection:
    """The result of the inspection before the start; ``limit`` is the spec's for the overlay.

    Without a room the overlay's claim is yet to be made, as large as it has to be.
    """
    found = _too_old(report) or _refusal(report, known) or _drops_errors(report)
    if found is None and room is not None:
        found = _no_room(room, limit, virtual_size_bytes)
    return _result(found, report, virtual_size_bytes)


def inspect_direct(report: Report, known: Known, virtual_size_bytes: int) -> Inspection:
    """The same for a disk that QEMU copies without an overlay."""
    found = _too_old_to_mirror(report) or _refusal(report, known)
    return _result(found, report, virtual_size_bytes)


def _result(found: Refusal | None, report: Report, virtual_size_bytes: int) -> Inspection:
    reason, message = found or (ACCEPTED, "")
    return Inspection(
        reason=reason,
        message=message or None,
        libvirt_version=report.libvirt_version,
        virtual_size_bytes=virtual_size_bytes or None,
    )


def _too_old(report: Report) -> Refusal | None:
    if report.libvirt_version >= OLDEST_LIBVIRT:
        return None
    return "LauncherTooOld", (
        f"the guest's launcher has libvirt {version_text(report.libvirt_version)}; a live move"
        " needs 11.1.0 or later (KubeVirt 1.8 or later). Set spec.copy.method to Hypervisor, move"
        " the volume while the virtual machine is stopped, or upgrade KubeVirt and restart it"
    )


def _too_old_to_mirror(report: Report) -> Refusal | None:
    if report.libvirt_version >= OLDEST_TO_MIRROR:
        return None
    return "LauncherTooOld", (
        f"the guest's launcher has libvirt {version_text(report.libvirt_version)}; QEMU's own copy"
        " needs 9.0.0 or later (KubeVirt 1.0 or later). Move the volume while the virtual machine"
        " is stopped, or upgrade KubeVirt and restart it"
    )


def _refusal(report: Report, known: Known) -> Refusal | None:
    if report.disk is None:
        return "DiskNotFound", "the running domain has no disk for this volume"
    for check in CHECKS:
        refusal = check(report.disk, known)
        if refusal:
            return refusal
    if report.job.kind != BLOCK_JOB_NONE or report.disk.mirror is not None:
        return (
            "BlockJobRunning",
            "a block job of others runs on this disk; wait for its end",
        )
    if report.monitor is not None and report.monitor.top.driver not in FORMATLESS:
        return "ChainNotPlain", f"QEMU has a {report.monitor.top.driver} image on top"
    return None


def _drops_errors(report: Report) -> Refusal | None:
    """An overlay may find no room where the claim had some; the guest has to be paused then."""
    if report.disk is None or dict(report.disk.driver).get("error_policy") != "ignore":
        return None
    return "DiskErrorsIgnored", (
        "the disk's errorPolicy is ignore: a write that finds no room in the overlay would be lost"
        " unseen. Set spec.copy.method to Hypervisor, or move the volume while the virtual machine"
        " is stopped"
    )


def _no_room(room: Room, limit: int | None, virtual_size_bytes: int) -> Refusal | None:
    message = budget.no_room(room, limit, virtual_size_bytes)
    return ("OverlayNoRoom", message) if message else None


def version_text(version: int) -> str:
    """Libvirt's version number as people write it."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def _kind(disk: Disk, _known: Known) -> Refusal | None:
    if disk.device != "disk":
        return "DiskKindNotSupported", f"a {disk.device} cannot be moved live"
    if disk.kind not in ("file", "block"):
        return "DiskKindNotSupported", f"a disk of type {disk.kind} cannot be moved live"
    return None


def _sharing(disk: Disk, _known: Known) -> Refusal | None:
    if disk.shareable:
        return "DiskShareable", "others may write to a shareable disk; it cannot be moved live"
    if disk.read_only:
        return "DiskReadOnly", "a read-only disk has no writes to divert"
    return None


def _layers(disk: Disk, known: Known) -> Refusal | None:
    if disk.has_data_store:
        return "ChangedBlockTracking", "changed block tracking is on for this disk"
    formats = tuple(layer.format for layer in disk.layers)
    if formats != ("raw",):
        return "ChainNotPlain", (
            f"the disk has the layers {', '.join(formats) or 'none'}; one raw image is needed"
        )
    file = disk.layers[0].file
    if "/hotplug-disks/" in file:
        return "VolumeHotplugged", "KubeVirt would unplug a hotplugged volume; it cannot be moved"
    if not same_path(file, known.canonical):
        return "ChainNotPlain", f"the disk's image is at {file}, not at {known.canonical}"
    return None


CHECKS: tuple[Callable[[Disk, Known], Refusal | None], ...] = (_kind, _sharing, _layers)
