"""Opens the namespaces of a process, and of no other one that has its pid by now."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detour_agent.adapters.numbers import start_time
from detour_agent.privileged.syscalls import enter_control_group_namespace, enter_mount_namespace

Request = Mapping[str, Any]
Spaces = Mapping[str, int]
"""Open mount namespaces, by the role of their process."""


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


def enter_control_groups(process: Mapping[str, int]) -> None:
    """Enter the control group namespace of a process; a kernel without them has but one.

    Raises:
        OSError: it may not be entered.
    """
    try:
        descriptor = os.open(f"/proc/{process['pid']}/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        enter_control_group_namespace(descriptor)
    finally:
        os.close(descriptor)
