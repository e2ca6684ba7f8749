"""Images to copy, as files and as devices, and caches that hold nothing of them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True)
class Place:
    """Where one image is: a file, or a loop device over one."""

    path: Path
    file: Path

    @property
    def block(self) -> bool:
        """Whether it is a device."""
        return self.path != self.file


def make(path: Path, size: int, *, holes: bool) -> None:
    """An image of random bytes; with holes every second MiB is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            if not holes or at // MIB % 2:
                file.seek(at)
                file.write(os.urandom(min(MIB, size - at)))
        file.truncate(size)


def as_file(path: Path) -> Place:
    """The image in the file itself."""
    return Place(path, path)


@contextlib.contextmanager
def as_device(path: Path) -> Iterator[Place]:
    """A device over the file, past the page cache: what is cached is the device's alone."""
    command = ["losetup", "--find", "--show", "--direct-io=on", str(path)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield Place(Path(device), path)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def chill(place: Place) -> None:
    """Have nothing of an image in the page cache."""
    for path in {place.path, place.file}:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def empty(place: Place) -> None:
    """Have a destination that takes no room yet: no file, or a device that was discarded."""
    if place.block:
        command = ["blkdiscard", "--force", str(place.path)]
        subprocess.run(command, check=True, capture_output=True)
        chill(place)
    else:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        place.path.unlink(missing_ok=True)
