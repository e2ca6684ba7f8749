"""One child process: ``qemu-img convert`` of a raw image onto a raw image that is there.

``-n``: the destination is taken as it is, and nothing of it is taken for zero: ranges that are
zero in the source are written as zeroes, as holes where the file system can (measured with QEMU
7.2 and 10.0). QEMU's own locks stay on (no ``-U``): it refuses a source that something writes to.
"""

import dataclasses
import os
import re
import select
import subprocess
import time
from pathlib import Path

from detour_copier.errors import from_qemu_img
from detour_copier.progress import EVERY_SECONDS, Progress

READ_BYTES = 4096
STOP_SECONDS = 5.0
MOST_PER_SECOND = 10**15
"""QEMU's throttling takes no more (``include/qemu/throttle.h``: ``THROTTLE_VALUE_MAX``)."""

NO_FLUSH = ",cache.no-flush=on,file.cache.no-flush=on"
"""qemu-img flushes the destination as it ends, and says nothing of an error (measured with QEMU
7.2), which a device may tell once only: the flush is left to ``lost_writes``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """Source or destination.

    Attributes:
        path: where it is.
        driver: QEMU's block driver for it.
        direct: past the page cache, which is the guests'.
    """

    path: Path
    driver: str
    direct: bool

    @property
    def cache(self) -> str:
        """What qemu-img calls that."""
        return "none" if self.direct else "writeback"

    def options(self, size: int) -> str:
        """It as a raw image of so many bytes."""
        where = f"file.driver={self.driver},file.filename={_escaped(self.path)}"
        return f"driver=raw,size={size},{where}"


def command(source: Side, destination: Side, *, size: int, limit: int | None = None) -> list[str]:
    """The command line.

    Args:
        source: what is read.
        destination: what is written over.
        size: bytes to copy; a device may have more.
        limit: most bytes to write per second, zeroes that are no holes in the source included;
            obeyed within 5 percent (measured with QEMU 7.2, from 256 KiB/s on). Holes are free.
    """
    return [
        *("qemu-img", "convert", "-n", "-p", "--image-opts", "--target-image-opts"),
        *([] if limit is None else ["-r", str(min(limit, MOST_PER_SECOND))]),
        *("-T", source.cache, "-t", destination.cache),
        *(source.options(size), destination.options(size) + NO_FLUSH),
    ]


def _escaped(path: Path) -> str:
    """Commas part options."""
    return str(path).replace(",", ",,")


def run(arguments: list[str], progress: Progress) -> None:
    """Run it to its end, and never leave it behind.

    Raises:
        CopyError: it failed.
    """
    with os.fdopen(os.memfd_create("qemu-img"), "w+b") as said:
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=said)
        try:
            _follow(child, progress)
            status = child.wait()
        finally:
            _end(child)
        if status != 0:
            said.seek(0)
            raise from_qemu_img(said.read().decode(errors="replace"), status)


def _follow(child: "subprocess.Popen[bytes]", progress: Progress) -> None:
    assert child.stdout is not None  # noqa: S101 - it was asked for
    descriptor = child.stdout.fileno()
    while True:
        readable, _, _ = select.select([descriptor], [], [], EVERY_SECONDS)
        printed = os.read(descriptor, READ_BYTES) if readable else b""
        if readable and not printed:
            return
        progress.update(printed, time.monotonic(), _read(child.pid))


def _read(pid: int) -> int | None:
    """How many bytes the process has read so far (``proc_pid_io(5)``), None if nobody says."""
    try:
        counted = Path(f"/proc/{pid}/io").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.match(r"rchar: (\d+)\n", counted)
    return int(found[1]) if found else None


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.stdout is not None:
        child.stdout.close()
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
