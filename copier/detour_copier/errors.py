"""Why a copy failed: one word for programs, a sentence for people, and whether to try again."""

import errno
from pathlib import Path


class CopyError(Exception):
    """A copy failed.

    Attributes:
        reason: one CamelCase word.
        message: for people.
        final: trying again does not mend it.
    """

    def __init__(self, reason: str, message: str, *, final: bool) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.final = final


def is_full(error: OSError) -> bool:
    """Whether there is no room, or none for this user."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def not_written(path: Path, error: OSError) -> CopyError:
    """The error for a destination that does not take, or keep, what is written to it."""
    if is_full(error):
        return CopyError("NoSpaceLeft", f"{path}: {error.strerror}", final=True)
    return CopyError("WriteError", f"{path}: {error.strerror}", final=False)


MEANINGS = (
    ("No space left on device", "NoSpaceLeft", True),
    ("Disk quota exceeded", "NoSpaceLeft", True),
    ("error while reading", "ReadError", False),
    ("error while writing", "WriteError", False),
    # QEMU's own image locks: something writes to the source, or has the destination open.
    ('" lock', "ImageInUse", False),
)
"""What qemu-img says, by the first words that are found in it."""


def from_qemu_img(said: str, status: int) -> CopyError:
    """The error for a qemu-img that ended with another exit status than 0."""
    message = said.strip() or f"qemu-img ended with status {status} and said nothing"
    for words, reason, final in MEANINGS:
        if words in message:
            return CopyError(reason, message, final=final)
    return CopyError("CopyFailed", message, final=False)
