"""The copier's process: one copy, its progress on stdout, its result as termination message."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from detour_copier import images, qemu_img
from detour_copier.errors import CopyError
from detour_copier.progress import Progress
from detour_crds import names

FAILED = 1
FINAL = 3
"""The Job gives up at once on this exit status: trying again does not mend it."""
TERMINATION_LOG = Path("/dev/termination-log")
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/"""
MESSAGE_LIMIT = 2000


def copy(source: Path, destination: Path, size: int) -> None:
    """Make the destination a whole and durable copy of the source.

    Args:
        source: the frozen image.
        destination: the image to write over or create.
        size: bytes of both.

    Raises:
        CopyError: the destination is not a copy.
    """
    images.check_source(source, size)
    images.prepare_destination(destination, size)
    direct = all(images.offers_direct_io(path, size) for path in (source, destination))
    progress = Progress(size, _tell, time.monotonic())
    qemu_img.run(qemu_img.command(source, destination, direct=direct), progress)
    images.make_durable(destination, size)
    images.check_source(source, size)
    progress.finished(time.monotonic())


def main(arguments: list[str] | None = None) -> int:
    """Copy, and say how it went; the exit status."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)  # as process 1 it would be ignored
    size = given.size_bytes
    try:
        copy(given.source / names.IMAGE_NAME, given.destination / names.IMAGE_NAME, size)
    except CopyError as error:
        result = {"reason": error.reason, "message": error.message[-MESSAGE_LIMIT:]}
        _report(given.termination_log, result)
        return FINAL if error.final else FAILED
    _report(given.termination_log, {"bytesDone": size, "bytesTotal": size})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="detour_copier", description="Copies one raw image.")
    parser.add_argument("--size-bytes", type=_positive, required=True)
    parser.add_argument("--source", type=Path, default=Path(names.COPIER_SOURCE_PATH))
    parser.add_argument("--destination", type=Path, default=Path(names.COPIER_DESTINATION_PATH))
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    return parser


def _positive(given: str) -> int:
    value = int(given)
    if value <= 0:
        raise ValueError(given)
    return value


def _report(path: Path, result: Mapping[str, object]) -> None:
    line = json.dumps(result)
    _tell(line)
    path.write_text(line)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
