"""Lets the control group of a guest's QEMU open one more block device.

Its container's rules name the devices of its claims; the destination is none of them. With control
groups of version 1 the rules are a list, with version 2 programs in the kernel; a node may have
both.

The permission does not last, not even until the guest ends. Others write the rules anew, and know
nothing of the destination: KubeVirt when it plugs a disk (KubeVirt facts 4); and where systemd is
the control groups' driver, systemd, when the container's cpuset changes (kubevirt/kubevirt#14825)
and on a ``daemon-reload`` (opencontainers/runc#4568, #4859). So this is done right before each
call that opens a device. Rules are asked when a device is opened: QEMU keeps what it has open.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from detour_agent.privileged import device_programs, namespaces
from detour_agent.privileged.errors import verify
from detour_agent.privileged.namespaces import Request, Spaces

LIST_CONTROLLER = "devices"
POD = re.compile(r"pod[0-9a-f]{8}[-_0-9a-f]{28}")


def allow(request: Request, spaces: Spaces) -> str:
    """Allow reading and writing the device; nothing is ever taken away."""
    namespaces.enter_control_groups(request["host"])
    belongs = Path("/proc", str(request["pid"]), "cgroup").read_text()
    namespaces.enter(spaces["host"])
    mounted = Path("/proc/self/mountinfo").read_text()
    number = request["expected"]["device"]
    device = (os.major(number), os.minor(number))
    changed = [_in_list(place, device) for place in list_groups(belongs, mounted)]
    changed += [device_programs.allow(place, device) for place in program_groups(belongs, mounted)]
    return "done" if any(changed) else "already"


def list_groups(belongs: str, mounted: str) -> tuple[Path, ...]:
    """The process's group that has a list of devices (version 1), if there is one.

    Args:
        belongs: ``/proc/<pid>/cgroup``.
        mounted: ``/proc/self/mountinfo`` of the node.
    """
    point = next(_points(mounted, "cgroup", LIST_CONTROLLER), None)
    group = next(_groups(belongs, LIST_CONTROLLER), None)
    return (_place(point, group),) if point and group else ()


def program_groups(belongs: str, mounted: str) -> tuple[Path, ...]:
    """The process's group of version 2 and those above it, up to its pod's."""
    point = next(_points(mounted, "cgroup2", ""), None)
    group = next(_groups(belongs, ""), None)
    if not point or not group:
        return ()
    path = PurePosixPath(group)
    above = [path, *path.parents]
    last = next((index for index, one in enumerate(above) if POD.search(one.name)), 0)
    return tuple(_place(point, str(one)) for one in above[: last + 1])


def allows(rules: str, device: tuple[int, int]) -> bool:
    """Whether a list of devices (``devices.list``) lets the block device be read and written."""
    numbers = {f"{major}:{minor}" for major in (device[0], "*") for minor in (device[1], "*")}
    for line in rules.splitlines():
        kind, number, access = line.split()
        if kind in ("a", "b") and number in numbers and {"r", "w"} <= set(access):
            return True
    return False


def _in_list(group: Path, device: tuple[int, int]) -> bool:
    rules = group / "devices.list"
    if allows(rules.read_text(), device):
        return False
    (group / "devices.allow").write_text(f"b {device[0]}:{device[1]} rw")
    message = f"{group} does not allow {device[0]}:{device[1]}"
    verify(allows(rules.read_text(), device), "DeviceNotAllowed", message)
    return True


def _points(mounted: str, kind: str, controller: str) -> Iterator[str]:
    """Where a hierarchy is mounted (proc(5), ``/proc/<pid>/mountinfo``)."""
    for line in mounted.splitlines():
        before, _, after = line.partition(" - ")
        found, _source, options = after.split(" ", 2)
        if found == kind and (not controller or controller in options.split(",")):
            yield before.split()[4]


def _groups(belongs: str, controller: str) -> Iterator[str]:
    """The process's group in a hierarchy (cgroups(7)); version 2 has no controllers' names."""
    for line in belongs.splitlines():
        _number, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            yield group


def _place(point: str, group: str) -> Path:
    return Path(point) / group.lstrip("/")
