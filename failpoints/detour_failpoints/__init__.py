"""Fail points: moments before and after each effect, at which a test has the process killed.

Off unless the process is given a folder (the chart's ``failPoints``). A file in it that has a
point's name arms that point, once: what gets there first renames the file, durably, and is then
killed, or held up for the seconds that the file says. Names come from the code, never from objects
of the API, and the folder is one that only root on the node can write.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

log = logging.getLogger(__name__)

KILL: Final = "kill"
HIT: Final = ".hit"
"""What the name of a file ends with once its point was reached."""

_folder: Path | None = None


def watch(folder: Path | None) -> None:
    """Look into that folder at each point from now on; None: all points are off."""
    global _folder  # noqa: PLW0603 - set once, when the process starts
    _folder = folder


def is_on() -> bool:
    """Whether any point can be armed in this process."""
    return _folder is not None


@contextlib.contextmanager
def around(*effects: str) -> Iterator[None]:
    """The points before the effects of the block, and after it if nothing was raised in it."""
    reach(*(f"{effect}.before" for effect in effects))
    yield
    reach(*(f"{effect}.after" for effect in effects))


def reach(*points: str) -> None:
    """Be killed or held up here, if one of these points is armed, which all are this one moment.

    Raises:
        ValueError: a file says neither ``kill`` nor a number of seconds.
    """
    if _folder is None:
        return
    told = {point: text for point in points if (text := _disarm(_folder, point))}
    if not told:
        return
    _sync(_folder)
    log.warning("Reached a fail point: %s", told)
    if KILL in told.values():
        _die()
    time.sleep(max(map(float, told.values())))


def _disarm(folder: Path, point: str) -> str:
    """What the point's file says, which counts once; empty if there is none."""
    armed = folder / point
    try:
        told = armed.read_text(encoding="ascii").strip()
        armed.rename(folder / f"{point}{HIT}")
    except FileNotFoundError:
        return ""
    return told


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    # The kernel spares the first process of a container that would kill itself.
    os._exit(128 + signal.SIGKILL)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
