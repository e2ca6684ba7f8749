"""Files that survive a power failure as a whole or not at all."""

import os
from pathlib import Path


def make_folder(path: Path, mode: int) -> None:
    """Create a directory and its parents; its entry is on the disk afterwards."""
    if not path.is_dir():
        make_folder(path.parent, 0o700)
        path.mkdir(mode=mode, exist_ok=True)
        sync_folder(path.parent)
    path.chmod(mode)


def replace_file(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: readers see the old one or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


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
