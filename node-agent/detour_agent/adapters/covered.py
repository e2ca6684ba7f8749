"""A folder on a volume that another mount covers, by the place where the node has that volume.

In a launcher the destination lies over the source's volume after a move; the node's own mount of
it, kubelet's, is there as long as the pod. Both are found in ``/proc/<pid>/mountinfo`` (proc(5)).
"""

import contextlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from detour_agent.adapters.inside import within
from detour_agent.adapters.numbers import start_time
from detour_agent.domain.ports import Process

ESCAPES = {r"\040": " ", r"\011": "\t", r"\012": "\n", r"\134": "\\"}


@dataclass(frozen=True, slots=True)
class _Mount:
    """A mount: its number, its file system, which folder of that it shows, and where."""

    number: int
    device: str
    root: str
    point: str


def discard(name: str, held: int, guest: Process, init: int) -> None:
    """Remove an empty folder that the guest's process has open to us, where the node has it.

    Raises:
        OSError, Unreachable: one cannot look.
    """
    shown = _mount_of(held, Path("/proc", str(guest.pid)))
    if shown is None:
        return
    folder = Path("/proc", str(init))
    node = Process(init, start_time(folder))
    for path in _places_of_parent(name, shown, (folder / "mountinfo").read_text()):
        with contextlib.suppress(OSError), within(node, path) as parent:
            if _is_same(name, parent, held):
                os.rmdir(name, dir_fd=parent)


def _mounts(table: str) -> Iterator[_Mount]:
    """The mounts of a namespace, as ``mountinfo`` tells of them."""
    for line in table.splitlines():
        number, _, device, root, point = line.split()[:5]
        yield _Mount(int(number), device, _plain(root), _plain(point))


def _places_of_parent(name: str, shown: _Mount, table: str) -> Iterator[str]:
    """Where a namespace has the parent of a folder of that name that ``shown`` shows.

    What else is mounted there may cover it: whoever goes there has to look.
    """
    parent, found = posixpath.split(shown.root)
    if found != name:
        return
    for mount in _mounts(table):
        below = posixpath.relpath(parent, mount.root)
        if mount.device == shown.device and not below.startswith(".."):
            yield posixpath.normpath(posixpath.join(mount.point, below))


def _mount_of(descriptor: int, process: Path) -> _Mount | None:
    """The mount that an open folder was reached by, in the namespace of a process.

    Raises:
        OSError: the process has gone.
    """
    told = Path("/proc/self/fdinfo", str(descriptor)).read_text()
    numbers = [line.split()[1] for line in told.splitlines() if line.startswith("mnt_id:")]
    table = (process / "mountinfo").read_text()
    return next((mount for mount in _mounts(table) if str(mount.number) in numbers), None)


def _is_same(name: str, folder: int, descriptor: int) -> bool:
    """Whether a name in an open folder is the folder that is held open."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _plain(text: str) -> str:
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    return text
