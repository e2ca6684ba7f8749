"""One child process at a time, with limits on its time and memory; it dies with the agent."""

import dataclasses
import subprocess
from collections.abc import Sequence

from detour_agent.errors import Unreachable

DEFAULT_TIMEOUT_SECONDS = 60.0
MEMORY_BYTES = 2 * 1024**3


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """What a child left."""

    exit_code: int
    output: str
    errors: str


def run(
    command: Sequence[str],
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    given: str = "",
    descriptors: Sequence[int] = (),
) -> Finished:
    """Run a program to its end.

    The kernel kills it when the thread that started it goes, so no child outlives the agent: a
    late effect of an old agent would race with the new one. It inherits ``descriptors``.

    Raises:
        Unreachable: it cannot be started, or is not done in time and was killed.
    """
    try:
        done = subprocess.run(
            [*_limits(timeout_seconds), *command],
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            input=given,
            pass_fds=tuple(descriptors),
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{command[0]} was not done within {timeout_seconds:g} s"
        raise Unreachable("ChildTimedOut", message) from error
    except OSError as error:
        raise Unreachable("ChildNotStarted", f"{command[0]}: {error}") from error
    return Finished(done.returncode, done.stdout, done.stderr)


def _limits(timeout_seconds: float) -> list[str]:
    """Through util-linux: code between fork and exec is not safe in a process with threads."""
    processor = max(1, round(timeout_seconds))
    return [
        "prlimit",
        f"--cpu={processor}",
        f"--as={MEMORY_BYTES}",
        "--",
        "setpriv",
        "--pdeathsig",
        "KILL",
        "--",
    ]
