"""Directories inside the root of one of the node's processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detour_agent.adapters.processes import start_time
from detour_agent.domain.ports import Process
from detour_agent.errors import Unreachable
from detour_agent.privileged.paths import FOLDER, folder_in


@contextmanager
def within(process: Process | None, path: str) -> Iterator[int]:
    """A directory inside a process's root, open, without following a tenant's links.

    Raises:
        Unreachable: there is no such process any more.
        OSError: the directory is not there, or a link is in the way.
    """
    if process is None:
        raise Unreachable("OverlayPlaceUnreachable", "nobody has the overlay's volume mounted")
    folder = Path("/proc", str(process.pid))
    root = os.open(folder / "root", FOLDER)
    try:
        if start_time(folder) != process.start_time:
            raise Unreachable("ProcessGone", f"process {process.pid} is another one now")
        with folder_in(root, path) as there:
            yield there
    finally:
        os.close(root)
