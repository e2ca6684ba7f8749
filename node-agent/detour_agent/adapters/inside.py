"""Directories inside the root of one of the node's processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detour_agent.adapters.numbers import start_time
from detour_agent.domain.ports import Process
from detour_agent.errors import Unreachable
from detour_agent.privileged.paths import FOLDER, folder_in

NOBODY = "OverlayPlaceUnreachable"


@contextmanager
def within(process: Process | None, path: str) -> Iterator[int]:
    """A directory inside a process's root, open, without following a tenant's links.

    Raises:
        Unreachable: nobody has the directory (``NOBODY``), there is no such process any more, or
            its root cannot be opened.
        OSError: the directory is not there, or a link is in the way.
    """
    if process is None or not path:
        raise Unreachable(NOBODY, "nobody has the overlay's volume mounted")
    root = _root(process)
    try:
        with folder_in(root, path) as there:
            yield there
    finally:
        os.close(root)


def _root(process: Process) -> int:
    folder = Path("/proc", str(process.pid))
    try:
        root = os.open(folder / "root", FOLDER)
    except OSError as error:
        raise Unreachable("ProcessGone", f"{folder}: {error}") from error
    try:
        same = start_time(folder) == process.start_time
    except OSError as error:
        os.close(root)
        raise Unreachable("ProcessGone", f"{folder}: {error}") from error
    if not same:
        os.close(root)
        raise Unreachable("ProcessGone", f"process {process.pid} is another one now")
    return root
