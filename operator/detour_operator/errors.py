"""What can go wrong, typed by what the caller must do.

DetourError
├── NotYet              not an error: look again after ``after`` seconds
├── Unreachable         could not ask or could not try: unknown, never absent; again with back-off
├── Conflict            somebody changed the object meanwhile: read it again
│   ├── AlreadyExists   an object of this name is there
│   └── Gone            the object to change is not there (any more)
│       └── NotServed   nor is anything of its kind known to the API server
├── Rejected            the request or a preflight is not acceptable; shown as a condition
├── StepFailed          tried and failed; shown
│   └── Refused         the API refused the request (4xx), with its HTTP status
│       └── Forbidden   ... for lack of permission, or by an admission policy
└── InvariantBroken     stop touching the object, keep everything, a person must look
"""


class DetourError(Exception):
    """Base of all errors that Detour raises itself."""


class NotYet(DetourError):  # noqa: N818 - it says what is so, and it is not an error
    """Look again after ``after`` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(f"look again in {after:g} s")
        self.after = after


class Unreachable(DetourError):  # noqa: N818 - named by what is so
    """The API could not be asked: what it would have said is unknown."""


class Conflict(DetourError):  # noqa: N818 - named by what is so
    """The object is not as it was when it was read."""


class AlreadyExists(Conflict):
    """An object of this name exists."""


class Gone(Conflict):
    """The object to be changed does not exist."""


class NotServed(Gone):
    """The API server serves no such kind: whether the object exists is not said."""


class ReasonedError(DetourError):
    """An error with a reason (one CamelCase word) and a message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Rejected(ReasonedError):  # noqa: N818 - named by what is so
    """What was asked for is not acceptable; retried only on change."""


class StepFailed(ReasonedError):  # noqa: N818 - named by what is so
    """A step was tried and failed."""


class Refused(StepFailed):
    """The API refused a request.

    ``status`` is the HTTP status, ``reason`` the API's own (``Invalid``, ``Forbidden``, ...).
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.status = status


class Forbidden(Refused):
    """Refused for lack of permission, or by an admission policy with the reason Forbidden."""


class InvariantBroken(ReasonedError):  # noqa: N818 - named by what is so
    """Something is so that must never be so: nothing is touched any more."""
