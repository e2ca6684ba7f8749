"""From libvirt's error codes to the agent's errors."""

from typing import Any, Final

from detour_agent.errors import DetourError, NotYet, StepFailed, Unreachable

# Numbers of virErrorNumber, so that this table can be read and tested without libvirt.
INTERNAL_ERROR: Final = 1
INVALID_ARGUMENT: Final = 8
NO_DOMAIN: Final = 42
BLOCK_COPY_ACTIVE: Final = 83
UNREACHABLE_CODES: Final = frozenset(
    {
        5,  # no connect
        6,  # invalid connection
        38,  # system error: the socket is not there or refuses
        39,  # RPC
        43,  # no connection driver
        68,  # operation timed out: another caller's job on the domain
        86,  # agent or monitor unresponsive
    }
)
FROM_RPC: Final = 7
TOO_LATE_OR_TOO_EARLY: Final = frozenset({INVALID_ARGUMENT, BLOCK_COPY_ACTIVE})
"""Every call at the wrong time fails so and harmlessly (measured): look again."""


def translate(error: Any, reason: str) -> DetourError:
    """The agent's error for a ``libvirtError``; ``reason`` is the step's own."""
    code, domain = error.get_error_code(), error.get_error_domain()
    message = f"{error.get_error_message() or error} (libvirt error {code})"
    if code == NO_DOMAIN:
        return Unreachable("DomainLost", message)
    if code in UNREACHABLE_CODES or domain == FROM_RPC or _connection_broke(code, message):
        return Unreachable("LibvirtUnreachable", message)
    if code in TOO_LATE_OR_TOO_EARLY:
        return NotYet(reason, message)
    return StepFailed(reason, message)


def _connection_broke(code: int, message: str) -> bool:
    broken = ("client socket is closed", "connection closed", "keepalive")
    return code == INTERNAL_ERROR and any(words in message.lower() for words in broken)
