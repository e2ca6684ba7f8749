"""Files that survive a power failure as a whole or not at all."""

import errno
import os
from pathlib import Path

from detour_agent.errors import InvariantBroken
from detour_agent.privileged.syscalls import exchange_names

FILE_BYTES = 8192
"""More than a record takes; a longer one grows the file."""


def make_folder(path: Path, mode: int) -> None:
    """Create a directory and its parents; its entry is on the disk afterwards."""
    if not path.is_dir():
        make_folder(path.parent, 0o700)
        path.mkdir(mode=mode, exist_ok=True)
        sync_folder(path.parent)
    path.chmod(mode)


def existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def replace_file(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: readers see the old one or the new one.

    The second write and all after it need no free space: the text is written over what the file
    before the last one held, and the two change places. Spaces fill it up to a fixed length.
    """
    spare = path.with_name(f".{path.name}.new")
    _write_over(spare, text)
    if path.exists():
        _exchange(spare, path)
    else:
        spare.replace(path)
    sync_folder(path.parent)
    if not spare.exists():
        _write_over(spare, "")
        sync_folder(path.parent)


def _write_over(path: Path, text: str) -> None:
    """Write in place: what was allocated is not given back."""
    content = text.encode().ljust(FILE_BYTES)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> None:
    """Have two files change places; where the file system cannot, the first replaces the other."""
    try:
        exchange_names(str(one), str(other))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        one.replace(other)


def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Flush a directory's entries to the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def plain_name(name: str) -> str:
    """A name that stays in its directory.

    Raises:
        InvariantBroken: it does not.
    """
    if not name or name.startswith(".") or os.sep in name:
        raise InvariantBroken("NameNotPlain", f"{name!r} cannot be a file name")
    return name
