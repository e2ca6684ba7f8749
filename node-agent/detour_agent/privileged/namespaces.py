"""Opens the mount namespace of a process, and of no other one that has its pid by now."""

import os
from collections.abc import Mapping
from pathlib import Path

from detour_agent.adapters.processes import start_time
from detour_agent.privileged.syscalls import enter_mount_namespace


class ProcessReplacedError(Exception):
    """The pid belongs to another process now."""


def opened(process: Mapping[str, int]) -> int:
    """The namespace of a process, given by its ``pid`` and ``startTime``.

    Open all that are needed before entering one: another namespace has another ``/proc``.

    Raises:
        OSError: it is not there, or it may not be opened.
        ProcessReplacedError: another process has the pid.
    """
    folder = Path("/proc", str(process["pid"]))
    descriptor = os.open(folder / "ns" / "mnt", os.O_RDONLY | os.O_CLOEXEC)
    if start_time(folder) != process["startTime"]:
        os.close(descriptor)
        raise ProcessReplacedError(f"process {process['pid']} is another one now")
    return descriptor


def enter(namespace: int) -> int:
    """Enter a mount namespace; its root directory, open.

    Raises:
        OSError: it may not be entered.
    """
    enter_mount_namespace(namespace)
    os.chdir("/")
    return os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
