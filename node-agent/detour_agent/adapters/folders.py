"""Opens the folder of a switch's overlays on a volume; nothing there, and no answer, differ."""

import errno
import os
import posixpath
from pathlib import Path

from detour_agent.adapters.inside import NOBODY, within
from detour_agent.domain.ports import Place, Process
from detour_agent.errors import Unreachable
from detour_agent.privileged.paths import FOLDER, STRICT
from detour_agent.privileged.syscalls import open_beneath

UNREADABLE = "OverlayPlaceUnreadable"
READABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""There is nothing of that name, or no folder (openat2(2)); any other error says nothing."""


def opened(place: Place) -> int | None:
    """The folder, open; None only if it was looked for and is not there, or is not root's own.

    It is looked for where the launcher has it, whatever covers its volume there, and then on the
    volume itself, if anybody has that mounted.

    Raises:
        Unreachable: one could not look in one of the two, and it is not in the other; or nobody
            has the volume mounted.
    """
    unknown: Unreachable | None = None
    for path in (place.exposed, place.base and f"{place.base}/{place.name}"):
        try:
            found = _opened(place.process, path, mounted=path == place.exposed) if path else None
        except (OSError, Unreachable) as error:
            unknown = unknown or _unknown(error)
        else:
            if found is not None:
                return found
    if unknown is not None:
        raise unknown
    if not place.base:
        raise Unreachable(NOBODY, "nobody has the overlay's volume mounted, the launcher neither")
    return None


def _unknown(error: OSError | Unreachable) -> Unreachable:
    return error if isinstance(error, Unreachable) else Unreachable(UNREADABLE, str(error))


def _opened(process: Process | None, path: str, *, mounted: bool) -> int | None:
    """One folder, which has to be root's own; its parent has to be there.

    The point it is to be mounted on is there before it is mounted.
    """
    parent, name = posixpath.split(path)
    with within(process, parent) as above:
        found = _child(above, name)
        if found is None:
            return None
        try:
            own = os.fstat(found).st_uid == 0
            if not own or (mounted and _mount(found) == _mount(above)):
                return None
            return os.open(f"/proc/{os.getpid()}/fd/{found}", READABLE)
        finally:
            os.close(found)


def _child(above: int, name: str) -> int | None:
    try:
        return open_beneath(above, name, FOLDER, STRICT)
    except OSError as error:
        if error.errno in NO_FOLDER:
            return None
        raise


def _mount(folder: int) -> str:
    """The number of the mount that an open folder is on (proc(5), ``/proc/<pid>/fdinfo``).

    The number of its file system does not tell: the launcher's own directories may be on the very
    one that the volume is on.
    """
    told = Path(f"/proc/self/fdinfo/{folder}").read_text(encoding="ascii")
    return next(line for line in told.splitlines() if line.startswith("mnt_id:"))
