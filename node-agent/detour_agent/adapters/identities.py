"""Which image something is, from ``stat``; the one place where an inode's number is read.

An inode has 64 bits and some file systems use them all. A device number has 32: Linux' ``dev_t``.
"""

import os
import stat

from detour_agent.domain.int64 import signed
from detour_crds.attachment_switch import Identity


def identity_of(found: os.stat_result) -> Identity | None:
    """Which image it is: a block device's node says nothing, its device number all."""
    if stat.S_ISBLK(found.st_mode):
        return Identity(device=found.st_rdev)
    return of_file(found) if stat.S_ISREG(found.st_mode) else None


def of_file(found: os.stat_result) -> Identity:
    """The file itself, whatever it is: a folder, or the node of a device."""
    return Identity(device=found.st_dev, inode=signed(found.st_ino))


def plain(identity: Identity) -> dict[str, int | None]:
    """An identity in a request to the child, and in what the child compares with it."""
    return {"device": identity.device, "inode": identity.inode}
