"""Child processes: one way to run them, one way to wait, one lock."""

import contextlib
import fcntl
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO


class CommandError(Exception):
    """A program ended with another code than 0; the message holds its last words."""


def run(
    argv: Sequence[str | Path],
    *,
    check: bool = True,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program and returns what it wrote.

    Args:
        argv: The program and its arguments.
        check: Whether another code than 0 is an error.
        timeout: Seconds until the program is killed.
        env: The whole environment, or None for our own.
        cwd: Where it runs.
        stdin: A text, or an open file.

    Raises:
        CommandError: It ended with another code than 0, and `check` was asked for.
        subprocess.TimeoutExpired: It took longer than `timeout`.
    """
    text = stdin if isinstance(stdin, str) else None
    stream = subprocess.DEVNULL if stdin is None else stdin
    done = subprocess.run(
        [str(word) for word in argv],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        env=env,
        cwd=cwd,
        **({"input": text} if text is not None else {"stdin": stream}),
    )
    if check and done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CommandError(f"{shlex.join(map(str, argv))} ended with {done.returncode}: {words}")
    return done


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 180) -> None:
    """Waits until a condition holds.

    Args:
        condition: What is asked for, again and again.
        what: The words for the error.
        timeout: Seconds until it gives up.

    Raises:
        TimeoutError: The condition did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout:g} s still waiting for {what}")
        time.sleep(0.25)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file, so that two commands given at once do not do the same work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
