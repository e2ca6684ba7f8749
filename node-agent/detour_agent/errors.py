"""The agent's errors, typed by what the loop must do.

::

    DetourError
    ├── NotYet          not an error of ours: look again after a while
    ├── Unreachable     could not try or could not look (libvirt, a child, the API): unknown
    ├── StepFailed      tried and failed: shown as ``lastError``, tried again
    └── InvariantBroken stop this move, keep everything, a person decides
"""


class DetourError(Exception):
    """Root of the tree; carries a stable CamelCase reason and a message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class NotYet(DetourError):  # noqa: N818 - the glossary names it so
    """Something that others do is not there yet, or the state moved on under the call."""


class Unreachable(DetourError):  # noqa: N818
    """It could not be looked at, or not be tried; nothing is known to have happened."""


class StepFailed(DetourError):  # noqa: N818
    """The step was tried and it failed."""


class InvariantBroken(DetourError):  # noqa: N818
    """What was found contradicts the record."""
