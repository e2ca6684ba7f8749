"""The control groups that hold a node's pods."""

import contextlib
from functools import partial
from pathlib import Path

from cluster.local import layout
from cluster.local.layout import Node
from cluster.process import wait_until

ROOT = Path("/sys/fs/cgroup")


def make(node: Node) -> None:
    """Makes a node's group everywhere: kubelet wants its `cgroupRoot` to be there."""
    for controller in _controllers():
        group = controller / node.cgroup
        group.mkdir(exist_ok=True)
        # A cpuset is empty at first, and then no process may enter it.
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (controller / name).exists():
                (group / name).write_text((controller / name).read_text())


def remove(node: Node) -> None:
    """Removes a node's groups; none of its processes may be alive."""
    for group in groups(node):
        # A group stays busy for a moment after its last process has gone.
        wait_until(partial(_removed, group), f"the removal of {group}", 30)


def _removed(group: Path) -> bool:
    if not group.is_dir():
        return True
    below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
    for path in [*below, group]:
        with contextlib.suppress(OSError):
            path.rmdir()
    return not group.is_dir()


def groups(node: Node) -> list[Path]:
    """A node's groups that exist."""
    # Beside version 1, runc makes its groups in `unified` too, the hierarchy without controllers.
    hierarchies = [*_controllers(), *([ROOT / "unified"] if (ROOT / "unified").exists() else [])]
    found = [hierarchy / node.cgroup for hierarchy in hierarchies]
    return [group for group in found if group.is_dir()]


def left() -> list[Path]:
    """All groups of ours that exist."""
    return [group for node in layout.NODES for group in groups(node)]


def _controllers() -> list[Path]:
    """The roots of the hierarchies: one of version 2, or one a controller of version 1."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    folders = (path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink())
    return [path for path in folders if path.name != "unified"]
