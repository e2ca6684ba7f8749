"""Which image or process something is, in plain numbers; the one place that reads an inode's.

An inode has 64 bits and some file systems use them all. A device number has 32: Linux' ``dev_t``.

The privileged child begins anew for each operation and needs no more than this: what else knows
images and processes brings the types of the CRDs along, which take most of a child's time.
"""

import os
import stat
from pathlib import Path

from detour_agent.domain.int64 import signed

Plain = dict[str, int | None]
"""An image by ``device`` and ``inode``, as in a request to the child."""
START_TIME_FIELD = 19
"""Field 22 of ``/proc/<pid>/stat``, counted from after the command (proc(5))."""


def of_image(found: os.stat_result) -> Plain | None:
    """An image: a block device's node says nothing, its device number all."""
    if stat.S_ISBLK(found.st_mode):
        return {"device": found.st_rdev, "inode": None}
    return of_file(found) if stat.S_ISREG(found.st_mode) else None


def of_file(found: os.stat_result) -> Plain:
    """The file itself, whatever it is: a folder, or the node of a device."""
    return {"device": found.st_dev, "inode": signed(found.st_ino)}


def start_time(folder: Path) -> int:
    """When a process started, in clock ticks since the boot."""
    return int(status_fields(folder)[START_TIME_FIELD])


def status_fields(folder: Path) -> list[str]:
    """What ``stat`` in a process's folder says after its command."""
    text = (folder / "stat").read_text()
    return text[text.rindex(")") + 2 :].split()
