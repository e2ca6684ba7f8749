"""`python -m kubevirt.handler.mounts PID SOURCE TARGET`: brings a file of another namespace here.

A process of its own, because only a single-threaded one may enter a mount namespace (setns(2));
the clone is taken inside, since open_tree(2) refuses paths of others (KubeVirt facts 11).
"""

import ctypes
import os
import sys

OPEN_TREE, MOVE_MOUNT = 428, 429
AT_FDCWD = -100
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4


def main(pid: str, source: str, target: str) -> None:
    """Clones the mount of a file and attaches the clone."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    os.setns(there, os.CLONE_NEWNS)
    tree = _checked(libc.syscall(OPEN_TREE, AT_FDCWD, source.encode(), OPEN_TREE_CLONE), source)
    os.setns(here, os.CLONE_NEWNS)
    arguments = (tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH)
    _checked(libc.syscall(MOVE_MOUNT, *arguments), target)


def _checked(result: int, path: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
