"""Why a copy failed: one word for programs, a sentence for people, and whether to try again."""


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


MEANINGS = (
    ("No space left on device", "NoSpaceLeft", True),
    ("Disk quota exceeded", "NoSpaceLeft", True),
    # QEMU's own image locks: something writes to the source, or has the destination open.
    ("lock", "ImageInUse", False),
    ("error while reading", "ReadError", False),
    ("error while writing", "WriteError", False),
)
"""What qemu-img says, by the first words that are found in it."""


def from_qemu_img(said: str, status: int) -> CopyError:
    """The error for a qemu-img that ended with another exit status than 0."""
    message = said.strip() or f"qemu-img ended with status {status} and said nothing"
    for words, reason, final in MEANINGS:
        if words in message:
            return CopyError(reason, message, final=final)
    return CopyError("CopyFailed", message, final=False)
