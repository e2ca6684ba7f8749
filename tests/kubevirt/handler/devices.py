"""The device rules of launchers into which block volumes are plugged (KubeVirt facts 4 and D11).

KubeVirt makes all rules from what it knows of the VMI and puts them in the place of those that are
there: what somebody else allowed is denied from then on, and so is what the container runtime
allowed and KubeVirt does not name. What is open stays open. Only version 2 of control groups is
treated so by KubeVirt; here it is done to the lists of version 1.
"""

import os
import stat
from pathlib import Path

from kubevirt.launcher.spec import claim_volumes, is_hotplugged

# The node's own view, as its first process has it.
PROCESSES = Path("/proc")
GROUPS = Path("/proc/1/root/sys/fs/cgroup/devices")
ACCESS = "rwm"
PTY_MAJORS = range(136, 152)
IF_THERE = ("urandom", "vhost-vsock", "kvm")

Device = tuple[str, str, str]
"""Type, major and minor number as `devices.list` has them."""

DEFAULTS: frozenset[Device] = frozenset(
    {
        ("c", "1", "3"),  # null
        ("c", "5", "2"),  # ptmx
        ("c", "10", "200"),  # tun
        ("c", "10", "238"),  # vhost-net
        *(("c", str(major), "*") for major in PTY_MAJORS),
    }
)


def device(path: Path) -> Device | None:
    """The device whose node is at a path, None where there is no node."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    numbers = str(os.major(found.st_rdev)), str(os.minor(found.st_rdev))
    if stat.S_ISBLK(found.st_mode):
        return ("b", *numbers)
    return ("c", *numbers) if stat.S_ISCHR(found.st_mode) else None


def own(vmi: dict, root: Path) -> set[Device]:
    """What a launcher may open without any plugged volume.

    The *node* of a volume decides, whatever claim it was made for (KubeVirt facts 4).

    Args:
        vmi: the VirtualMachineInstance.
        root: the launcher's root directory.
    """
    volumes = [v["name"] for v in claim_volumes(vmi) if not is_hotplugged(vmi, v["name"])]
    nodes = {device(root / "dev" / name) for name in (*volumes, *IF_THERE)}
    return {*DEFAULTS, *(node for node in nodes if node is not None)}


def changes(listed: str, wanted: set[Device]) -> list[tuple[str, str]]:
    """File and rule of each write that makes of a list the wanted one.

    Nothing is written that stays, as runc does it: a rule that stays never fails meanwhile.

    Args:
        listed: `devices.list`.
        wanted: the devices of the list to be.
    """
    access: dict[Device, str] = {}
    for line in listed.splitlines():
        kind, numbers, allowed = line.split()
        major, minor = numbers.split(":")
        access[kind, major, minor] = allowed
    missing = {
        found: "".join(a for a in ACCESS if a not in access.get(found, "")) for found in wanted
    }
    # Denials first: where everything was allowed (`a *:* rwm`), that denies everything.
    return [
        *(("devices.deny", _rule(*of)) for of in access.items() if of[0] not in wanted),
        *(("devices.allow", _rule(*of)) for of in sorted(missing.items()) if of[1]),
    ]


def write(pid: int, wanted: set[Device]) -> None:
    """Makes the wanted rules those of the container a process is in.

    Raises:
        LookupError: this node has no lists of devices.
    """
    group = group_of((PROCESSES / str(pid) / "cgroup").read_text())
    for file, rule in changes((group / "devices.list").read_text(), wanted):
        (group / file).write_text(rule)


def group_of(belongs: str) -> Path:
    """The folder of a process's group for devices.

    Args:
        belongs: `/proc/<pid>/cgroup`, as cgroups(7) describes it.

    Raises:
        LookupError: this node has no lists of devices.
    """
    for line in belongs.splitlines():
        _number, controllers, group = line.split(":", 2)
        if "devices" in controllers.split(","):
            return GROUPS / group.lstrip("/")
    raise LookupError("no control group of version 1 has rules for devices")


def _rule(found: Device, access: str) -> str:
    kind, major, minor = found
    return f"{kind} {major}:{minor} {access}"
