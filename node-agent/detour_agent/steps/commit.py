"""Cancel: the overlay goes back into the source (rows C2 to C7) and its file away (C11, L20)."""

import dataclasses

from detour_agent.errors import DetourError, StepFailed
from detour_agent.steps import divert
from detour_agent.steps.context import Pass, elapsed_milliseconds, error_of
from detour_crds.volume_migration import OverlayPlace


def abort(work: Pass) -> None:
    """End a running job; the guest stays on the overlay (C2, C6, L21)."""
    work.domain.abort()


def unmount(work: Pass) -> None:
    """Take the destination off the source's path and check that the source is there (C3)."""
    source, destination = work.record.source, work.record.destination
    if source is None or destination is None:
        raise StepFailed("IdentityUnknown", "the journal does not say which image is which")
    work.ports.mounts.unmount_top(work.guest, work.switch.attached, destination, source)


def commit(work: Pass) -> None:
    """Begin the commit (C4); QEMU opens the base by its name, so the path is checked last."""
    _check_path(work)
    work.domain.commit()


def heal(work: Pass) -> None:
    """As ``commit``, through QEMU itself where libvirt lost sight of the overlay (C4, H1)."""
    _check_path(work)
    divert.heal(work)


def commit_pivot(work: Pass) -> None:
    """Switch QEMU back to the source (C7)."""
    _timed(work, through_monitor=False)


def heal_complete(work: Pass) -> None:
    """As ``commit_pivot``, through QEMU itself (C7)."""
    _timed(work, through_monitor=True)


def remove_overlay(work: Pass) -> None:
    """Remove the overlays; the journal says done or cancelled, and it was reported (C11, L20).

    Their files go last: while one is there it is seen that this is still to be done. Only on the
    source's volume they are reached through the launcher's own mount of them.
    """
    beside = work.switch.overlay.where is OverlayPlace.SOURCE_VOLUME
    if not beside:
        _leave_launcher(work)
    work.ports.images.remove(work.switch.uid, work.look.overlays)
    if beside:
        _leave_launcher(work)


def _leave_launcher(work: Pass) -> None:
    if work.look.guest is None:
        return
    # What a daemon left in QEMU that died in a call: it holds the destination open.
    divert.clear_nodes(work)
    try:
        work.ports.mounts.hide_overlay(work.look.guest, work.switch.uid)
    except DetourError as error:
        work.memory.last_error = error_of(error)


def _check_path(work: Pass) -> None:
    source, volume = work.record.source, work.switch.attached
    image = work.ports.mounts.canonical_image(work.guest, volume)
    if source is None or image.identity != source:
        raise StepFailed("PathChanged", "the path does not name the source any more")
    work.ports.mounts.allow(work.guest, volume, source)


def _timed(work: Pass, *, through_monitor: bool) -> None:
    before = work.ports.clock.now()
    if through_monitor:
        work.domain.monitor_complete()
    else:
        work.domain.pivot()
    took = elapsed_milliseconds(before, work.ports.clock.now())
    work.memory.pauses = dataclasses.replace(work.memory.pauses, end_milliseconds=took)
