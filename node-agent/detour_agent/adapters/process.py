"""One child process at a time, with limits on what it takes; it dies with the agent."""

import dataclasses
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from detour_agent.errors import Unreachable

DEFAULT_TIMEOUT_SECONDS = 60.0
MEMORY_BYTES = 2 * 1024**3
ERROR_BYTES = 4096
ARENAS = "2"
"""glibc reserves 64 MiB of addresses for an arena, and has up to eight for each processor: with
the 32 of four processors qemu-img's 64 threads took more than ``MEMORY_BYTES``, and it aborted in
one merge of six (measured with QEMU 7.2).
"""
FILES = 256
"""qemu-img holds a dozen open, and Python no more."""


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
            env=_environment(),
            pass_fds=tuple(descriptors),
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{command[0]} was not done within {timeout_seconds:g} s"
        raise Unreachable("ChildTimedOut", message) from error
    except OSError as error:
        raise Unreachable("ChildNotStarted", f"{command[0]}: {error}") from error
    return Finished(done.returncode, done.stdout, done.stderr)


@contextmanager
def lines(
    command: Sequence[str],
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    descriptors: Sequence[int] = (),
) -> Iterator["Lines"]:
    """As ``run``, for a program that may say more than fits into memory.

    The child is killed when the block is left, or after its time.
    """
    with os.fdopen(os.memfd_create("errors"), "w+b") as said:
        try:
            child = subprocess.Popen(
                [*_limits(timeout_seconds), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                encoding="utf-8",
                errors="replace",
                env=_environment(),
                pass_fds=tuple(descriptors),
            )
        except OSError as error:
            raise Unreachable("ChildNotStarted", f"{command[0]}: {error}") from error
        read = Lines(child, said.fileno(), command[0], timeout_seconds)
        watch = threading.Timer(timeout_seconds, read.expire)
        watch.daemon = True
        watch.start()
        try:
            yield read
        finally:
            watch.cancel()
            child.kill()
            child.communicate()


class Lines:
    """What a child says, line by line."""

    def __init__(
        self, child: "subprocess.Popen[str]", said: int, name: str, timeout_seconds: float
    ) -> None:
        self._child = child
        self._said = said
        self._late = f"{name} was not done within {timeout_seconds:g} s"
        self._expired = False

    @property
    def pid(self) -> int:
        """The child's."""
        return self._child.pid

    def expire(self) -> None:
        """Kill the child: its time is over."""
        self._expired = True
        self._child.kill()

    def __iter__(self) -> Iterator[str]:
        assert self._child.stdout is not None  # noqa: S101 - it was asked for
        # Not the file itself: who stops asking for lines would close it.
        yield from iter(self._child.stdout.readline, "")

    def finish(self) -> Finished:
        """How the child ended, once it has said everything.

        Raises:
            Unreachable: it was killed after its time.
        """
        status = self._child.wait()
        if self._expired:
            raise Unreachable("ChildTimedOut", self._late)
        told = os.pread(self._said, ERROR_BYTES, 0)
        return Finished(status, "", told.decode(errors="replace"))


def _environment() -> dict[str, str]:
    return {**os.environ, "MALLOC_ARENA_MAX": ARENAS}


def _limits(timeout_seconds: float) -> list[str]:
    """Through util-linux: code between fork and exec is not safe in a process with threads."""
    processor = max(1, round(timeout_seconds))
    return [
        "prlimit",
        f"--cpu={processor}",
        f"--as={MEMORY_BYTES}",
        f"--nofile={FILES}",
        "--core=0",
        "--",
        "setpriv",
        "--pdeathsig",
        "KILL",
        "--",
    ]
