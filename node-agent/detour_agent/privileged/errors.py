"""Why an operation counts as failed."""


class NotSoError(Exception):
    """An operation was tried, and things are not as they have to be."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def verify(holds: bool, reason: str, message: str) -> None:
    """See that something holds.

    Raises:
        NotSoError: it does not.
    """
    if not holds:
        raise NotSoError(reason, message)
