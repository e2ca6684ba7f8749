"""Complete, first half: the destination comes to the path and takes the overlay (rows L8, L9)."""

import dataclasses

from detour_agent.domain.ports import CopyTarget
from detour_agent.errors import NotYet, StepFailed
from detour_agent.steps.context import Pass


def over_mount(work: Pass) -> None:
    """Bring the destination to the source's path, by the identity journalled first (L8).

    Never by an unmount first: the path would be missing for tens of milliseconds (measured).
    """
    destination = work.look.known.destination
    if work.look.holder is None or destination is None:
        raise NotYet("HolderNotFound", "the holder pod's process was not found")
    work.write(dataclasses.replace(work.record, destination=destination))
    work.ports.mounts.over_mount(work.guest, work.look.holder, work.switch.attached, destination)


def copy(work: Pass) -> None:
    """Begin the merge onto the destination (L9).

    Raises:
        StepFailed: the path no longer names the destination.
    """
    volume = work.switch.attached
    image = work.ports.mounts.canonical_image(work.guest, volume)
    if image.identity != work.record.destination:
        raise StepFailed("PathChanged", "the path does not name the destination any more")
    work.ports.mounts.allow(work.guest, volume, image.identity)
    work.write(dataclasses.replace(work.record, mirror_tries=work.record.mirror_tries + 1))
    work.domain.copy(
        CopyTarget(
            path=work.switch.canonical,
            size_bytes=image.size_bytes,
            virtual_size_bytes=work.record.virtual_size_bytes,
            block=volume.block,
        )
    )
