"""Overlays that no guest writes to any more: compared with an image, and merged onto it.

``qemu-img`` does the merge. Image and overlay are opened here, without following a tenant's links,
and handed to it as descriptors, the image in place of the backing file that the overlay names; and
no format is ever probed: what is in an image is the guest's, and what is in an overlay its QEMU's.
"""

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from detour_agent.adapters import overlay_header
from detour_agent.adapters.files import plain_name
from detour_agent.adapters.identities import identity_of
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.inside import within
from detour_agent.adapters.process import lines, run
from detour_agent.domain.ports import OfflineMerge
from detour_agent.errors import StepFailed, Unreachable
from detour_agent.privileged.syscalls import files_as
from detour_crds import json_text
from detour_crds.names import IMAGE_NAME, QEMU_UID

MERGE_SECONDS = 24 * 3600.0
"""A merge ends by itself; this is for a child that hangs."""
CHUNK_BYTES = 1 << 20
AS_QEMU = (
    *("setpriv", f"--reuid={QEMU_UID}", f"--regid={QEMU_UID}", "--clear-groups"),
    # A child that becomes another user has lost this.
    *("--pdeathsig", "KILL", "--"),
)
SAME, DIFFERENT = 0, 1
"""``qemu-img compare``'s exit codes."""


class OfflineImages:
    """Implements ``Offline``."""

    def __init__(self, overlays: OverlayFiles) -> None:
        self._overlays = overlays

    def holding_data(self, switch_uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the overlays in which anything is allocated."""
        return tuple(name for name in names if self._holds_data(switch_uid, name))

    def _holds_data(self, switch_uid: str, name: str) -> bool:
        with self._overlay(switch_uid, name, None) as overlay:
            return any(True for _ in _allocated(overlay))

    def equal(self, merge: OfflineMerge) -> bool:
        """Whether the image reads the same wherever the overlay has something."""
        with self._overlay_of(merge) as overlay:
            try:
                with _opened(merge) as image:
                    ranges = _allocated(overlay)
                    return all(_same(found, overlay, image.descriptor) for found in ranges)
            except OSError as error:
                raise Unreachable("ImageUnreadable", str(error)) from error

    def merge(self, merge: OfflineMerge) -> None:
        """Write what the overlay has onto the image; it is on the disk when this returns.

        The overlay itself stays as it is (``-d``): a merge that was cut off is repeated from it.
        """
        with self._overlay_of(merge) as overlay:
            try:
                with _opened(merge) as image:
                    over = _over(overlay, image.descriptor, merge.block)
                    done = run(
                        [*image.user, "qemu-img", "commit", "-q", "-d", over],
                        timeout_seconds=MERGE_SECONDS,
                        descriptors=[overlay, image.descriptor],
                    )
                    os.fsync(image.descriptor)
            except OSError as error:
                raise StepFailed("MergeFailed", str(error)) from error
        if done.exit_code != 0:
            raise StepFailed("MergeFailed", done.errors.strip() or "qemu-img failed")

    def identical(self, merge: OfflineMerge) -> bool:
        """Whether the source's image and the other one are the same, as far as the disk goes."""
        if merge.source_image is None:
            raise Unreachable("ImageUnreadable", "the source was not seen")
        source = dataclasses.replace(merge, path=merge.source_path, image=merge.source_image)
        try:
            with _opened(source) as one, _opened(merge) as other:
                both = [one.descriptor, other.descriptor]
                disks = [_disk(found, merge) for found in both]
                done = run(
                    [*(one.user or other.user), "qemu-img", "compare", "-q", "-U", *disks],
                    timeout_seconds=MERGE_SECONDS,
                    descriptors=both,
                )
        except OSError as error:
            raise Unreachable("ImageUnreadable", str(error)) from error
        if done.exit_code not in (SAME, DIFFERENT):
            raise Unreachable("ImageUnreadable", done.errors.strip() or "qemu-img failed")
        return done.exit_code == SAME

    def _overlay_of(self, merge: OfflineMerge) -> AbstractContextManager[int]:
        return self._overlay(merge.switch_uid, merge.overlay, merge.virtual_size_bytes)

    @contextmanager
    def _overlay(self, switch_uid: str, name: str, size: int | None) -> Iterator[int]:
        """An overlay, open for reading and writing, that is as Detour made it.

        Raises:
            StepFailed: it cannot be opened, or its header is another one's.
        """
        path = self._overlays.folder(switch_uid) / plain_name(name)
        try:
            overlay = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise StepFailed("OverlayUnreadable", str(error)) from error
        try:
            foreign = overlay_header.foreign(overlay, size)
            if foreign is not None:
                message = f"{name} is not as Detour made it and is not opened: {foreign}"
                raise StepFailed("OverlayUnreadable", message)
            yield overlay
        finally:
            os.close(overlay)


def _over(overlay: int, image: int, block: bool) -> str:
    """The overlay on top of an open image, as QEMU's block layer takes it."""
    driver = "host_device" if block else "file"
    backing = {"driver": driver, "filename": f"/proc/self/fd/{image}"}
    return _node(overlay, {"driver": "raw", "file": backing})


def _disk(image: int, merge: OfflineMerge) -> str:
    """An open raw image, as much of it as the guest sees."""
    driver = "host_device" if merge.block else "file"
    file = {"driver": driver, "filename": f"/proc/self/fd/{image}"}
    size = merge.virtual_size_bytes
    return "json:" + json.dumps({"driver": "raw", "size": size, "file": file})


def _node(overlay: int, backing: dict[str, Any] | None) -> str:
    file = {"driver": "file", "filename": f"/proc/self/fd/{overlay}"}
    return "json:" + json.dumps({"driver": "qcow2", "file": file, "backing": backing})


def _allocated(overlay: int) -> Iterator[dict[str, Any]]:
    """What the overlay itself has: ranges with data, and those that it says are zero.

    One at a time: a guest decides how many there are, up to one for each 8 KiB of its disk.

    Raises:
        StepFailed: it cannot be read; QEMU's lock says so, too, while a guest has it open.
    """
    command = ["qemu-img", "map", "--output=json", _node(overlay, None)]
    with lines(command, timeout_seconds=MERGE_SECONDS, descriptors=[overlay]) as read:
        for line in read:
            found = _range(line)
            if found is not None and found["present"]:
                yield found
        done = read.finish()
    if done.exit_code != 0:
        raise StepFailed("OverlayUnreadable", done.errors.strip() or "qemu-img failed")


def _range(line: str) -> dict[str, Any] | None:
    """One range: qemu-img writes each on a line of its own (``dump_map_entry``)."""
    text = line.strip().removeprefix("[").removesuffix("]").removesuffix(",")
    if not text:
        return None
    try:
        found = json_text.read(text)
    except ValueError as error:
        raise StepFailed("OverlayUnreadable", f"qemu-img said {text[:80]!r}") from error
    if not isinstance(found, dict) or not _is_range(found):
        raise StepFailed("OverlayUnreadable", f"qemu-img said {text[:80]!r}")
    return found


def _is_range(found: dict[str, Any]) -> bool:
    """Whether it has what qemu-img says of a range, and is one that a disk can have."""
    numbers = [found.get("start"), found.get("length"), found.get("offset", 0)]
    flags = [found.get("present"), found.get("data")]
    return all(type(item) is int and item >= 0 for item in numbers) and all(
        isinstance(item, bool) for item in flags
    )


def _same(found: dict[str, Any], overlay: int, image: int) -> bool:
    if found["data"] and "offset" not in found:
        raise StepFailed("OverlayUnreadable", "it is compressed, which Detour's overlays are not")
    at, end = int(found["start"]), int(found["start"]) + int(found["length"])
    for start in range(at, end, CHUNK_BYTES):
        length = min(CHUNK_BYTES, end - start)
        wanted = bytes(length)
        if found["data"]:
            wanted = os.pread(overlay, length, int(found["offset"]) + start - at)
        if os.pread(image, length, start) != wanted:
            return False
    return True


@dataclasses.dataclass(frozen=True, slots=True)
class _Image:
    """An open image, and the words before a command that opens it once more."""

    descriptor: int
    user: tuple[str, ...] = ()


@contextmanager
def _opened(merge: OfflineMerge) -> Iterator[_Image]:
    """The image that was looked at, open for reading and writing."""
    path = merge.path if merge.block else f"{merge.path}/{IMAGE_NAME}"
    place, _, name = path.rpartition("/")
    with within(merge.finisher, place) as folder:
        seen = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if identity_of(os.fstat(seen)) != merge.image.identity:
            raise Unreachable("ImageChanged", f"another image is in {merge.path} now")
        # To open some devices is to do something: only what is known is opened for use.
        image = _open_known(seen)
    finally:
        os.close(seen)
    try:
        yield image
    finally:
        os.close(image.descriptor)


def _open_known(seen: int) -> _Image:
    """As root; as the guest's user where a server has root be nobody (``root_squash``)."""
    path, flags = f"/proc/self/fd/{seen}", os.O_RDWR | os.O_CLOEXEC
    try:
        return _Image(os.open(path, flags))
    except PermissionError:
        with files_as(QEMU_UID):
            return _Image(os.open(path, flags), AS_QEMU)
