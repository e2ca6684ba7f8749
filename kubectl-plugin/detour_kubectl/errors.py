"""What ends a command without success: each kind has its exit code, and says what to do.

The codes are documented in docs/kubectl-detour.md; 2 is click's, for a command line that is wrong.
"""


class PluginError(Exception):
    """The base: ``message`` is what happened, ``hint`` what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnsuccessfulError(PluginError):
    """A move failed or was cancelled, a dry run was refused, the doctor found something."""

    exit_code = 1


class NotThereError(PluginError):
    """An object, or a whole kind of them, does not exist."""

    exit_code = 3


class NotAllowedError(PluginError):
    """The API knows who asks, and does not allow it; or it does not know who asks."""

    exit_code = 4


class UnreachableError(PluginError):
    """No cluster is configured, or it does not answer: nothing is known."""

    exit_code = 5


class RefusedError(PluginError):
    """The API server does not take the request: it exists already, conflicts, or is invalid."""

    exit_code = 6


class NeedsPersonError(PluginError):
    """A move waits for somebody: it is refused, or stopped until it is told how to go on."""

    exit_code = 7


class OutOfTimeError(PluginError):
    """What was waited for did not come within the time that was given."""

    exit_code = 8


class InterruptedWatchError(PluginError):
    """Ctrl-C, while watching: only the watching ends."""

    exit_code = 130
