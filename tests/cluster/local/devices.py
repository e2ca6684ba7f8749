"""Block devices of the nodes: loop devices over files in the nodes' folders.

They are the host's, whatever node has them: power failures leave them, `cluster down` does not.
Those that a node's own processes made, for volumes of the CSI driver, end with its power.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cluster.local import layout
from cluster.process import run, wait_until

DISK_GROUP = 6
DELETED = " (deleted)"


@dataclass(frozen=True)
class Loop:
    """A loop device of the host.

    Attributes:
        name: Its path.
        file: What it is over, as far as the host can name that.
        backing: Device and inode number of what it is over.
    """

    name: str
    file: str
    backing: tuple[int, int]


def make(node: str, name: str, size: int, sector: int) -> str:
    """Makes a device full of zeroes and returns its path."""
    file = _folder(node) / f"{name}.img"
    file.parent.mkdir(exist_ok=True)
    with file.open("xb") as image:
        image.truncate(size)
    command = ["losetup", "--find", "--show", f"--sector-size={sector}", str(file)]
    device = run(command).stdout.strip()
    # As udev does on a real node; the machine this runs on may have none.
    os.chown(device, 0, DISK_GROUP)
    Path(device).chmod(0o660)
    return device


def remove(name: str) -> None:
    """Takes a device away; none of that name is no error."""
    for node in layout.NODES:
        file = _folder(node.name) / f"{name}.img"
        place = str(file.resolve())
        _detach([loop for loop in _listed() if loop.file.removesuffix(DELETED) == place])
        file.unlink(missing_ok=True)


def detach_all() -> None:
    """Detaches every device of the cluster."""
    _detach(_own())


def power_off(node: str) -> None:
    """Detaches what is left of the devices that a node's processes made, when none is alive.

    The last mounts of a node go a moment after its last process, and their devices with them.
    """
    _detach(_pool(node))
    wait_until(lambda: not _pool(node), f"the devices of {node} to go", 60)


def attached() -> list[str]:
    """The devices over files of the cluster, behind them those that are over these."""
    own = [*_own(), *(loop for node in layout.NODES for loop in _pool(node.name))]
    return list(dict.fromkeys(loop.name for loop in [*own, *_above(own)]))


def _own() -> list[Loop]:
    folder = f"{layout.state().resolve()}/"
    return [loop for loop in _listed() if loop.file.startswith(folder)]


def _pool(node: str) -> list[Loop]:
    """The device of the CSI driver's pool on a node.

    It is over a file of the node as one of its containers saw it: only the name can be relied on.
    """
    name = f"detour-csi-{node}.img"
    return [loop for loop in _listed() if Path(loop.file.removesuffix(DELETED)).name == name]


def _above(below: list[Loop]) -> list[Loop]:
    """The devices over devices, and over files in file systems on them; the uppermost first.

    kubelet holds a block volume by a loop device of its own, over the volume's device. As long as
    that is there the device below cannot be detached. It is over the device's node, which has no
    name any more once the kubelet's mounts are gone: its inode has to tell.
    """
    listed, found = _listed(), list[Loop]()
    while True:
        known = [*below, *found]
        nodes = {_identity(loop.name) for loop in known}
        numbers = {_number(loop.name) for loop in known}
        more = [
            loop
            for loop in listed
            if loop not in known and (loop.backing in nodes or loop.backing[0] in numbers)
        ]
        if not more:
            return found
        found = [*more, *found]


def _detach(own: list[Loop]) -> None:
    for loop in [*_above(own), *own]:
        # One whose end was asked for before goes by itself with the one above it: no error here,
        # what is left in the end is for `leftovers` to see.
        run(["losetup", "--detach", loop.name], check=False)


def _identity(device: str) -> tuple[int, int]:
    node = os.stat(device)
    return node.st_dev, node.st_ino


def _number(device: str) -> int:
    """What a device is known by where a file system is on it."""
    return os.stat(device).st_rdev


def _listed() -> list[Loop]:
    """Each loop device of the host that is over something."""
    listed = run(["losetup", "--json", "--output=NAME,BACK-FILE,BACK-MAJ:MIN,BACK-INO"]).stdout
    found = json.loads(listed)["loopdevices"] if listed.strip() else []
    return [_loop(device) for device in found]


def _loop(device: dict[str, str]) -> Loop:
    major, minor = map(int, device["back-maj:min"].split(":"))
    backing = (os.makedev(major, minor), int(device["back-ino"]))
    return Loop(device["name"], device["back-file"] or "", backing)


def _folder(node: str) -> Path:
    return layout.folder(node) / "devices"
