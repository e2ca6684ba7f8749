"""The copier's process: one copy, its progress on stdout, its result as termination message.

With ``--check`` nothing is copied: the storage, or somebody else, has made the destination from
the source, and it is only seen that the image is there. With ``--verify`` it is compared with the
source as well, after the copy or in place of it. With ``--look`` nothing is copied either: it is
seen that a destination that was there before is empty. Only a process that did all that it was
asked for ends with 0, so that a verification that was cut short is made anew, never believed.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from detour_copier import comparing, emptiness, images, kinds, lost_writes, qemu_img, reflink
from detour_copier.direct import offers_direct_io
from detour_copier.errors import CopyError
from detour_copier.kinds import FILES, Kind, Kinds
from detour_copier.progress import Progress
from detour_crds import names

FAILED = 1
FINAL = 3
"""The Job gives up at once on this exit status: trying again does not mend it."""
TERMINATION_LOG = Path("/dev/termination-log")
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/"""
MESSAGE_LIMIT = 2000
SOURCE_DEVICE = Path(names.COPIER_SOURCE_DEVICE)
DESTINATION_DEVICE = Path(names.COPIER_DESTINATION_DEVICE)


def copy(
    source: Path, destination: Path, size: int, both: Kinds = FILES, limit: int | None = None
) -> bool:
    """Make the destination a whole and durable copy of the source.

    Whether the file system shares the blocks of both, so that none had to be copied.

    Args:
        source: the frozen image.
        destination: the image to write over, or to create if it is a file.
        size: bytes of the guest's disk.
        both: what they are, files or block devices.
        limit: most bytes per second to copy; shared blocks are not copied.

    Raises:
        CopyError: the destination is not a copy.
    """
    both.source.check_source(source, size)
    if both.unpacks:
        images.check_room(destination, size)
    both.destination.prepare_destination(destination, size)
    progress = Progress(size, _tell, time.monotonic())
    with lost_writes.noticed(destination):
        shared = both.may_share_blocks and reflink.clone(source, destination)
        if not shared:
            read, written = (
                _side(source, both.source, size),
                _side(destination, both.destination, size),
            )
            qemu_img.run(qemu_img.command(read, written, size=size, limit=limit), progress)
    both.destination.make_durable(destination, size)
    both.source.check_source(source, size)
    progress.finished(time.monotonic())
    return shared


def _side(path: Path, kind: Kind, size: int) -> qemu_img.Side:
    return qemu_img.Side(path, kind.DRIVER, direct=offers_direct_io(path, size))


def check(destination: Path, wanted: int | None, kind: Kind = images) -> int:
    """See that the storage has made the destination a copy, as far as that can be seen; its bytes.

    Args:
        destination: the image that the storage made.
        wanted: bytes of the guest's disk, None if that is for the image to say.
        kind: what it is.

    Raises:
        CopyError: there is no image of that size on it.
    """
    try:
        size = wanted or kind.size_of(destination)
        kind.check_source(destination, size)
    except CopyError as error:
        message = f"what the storage made is no copy of the source: {error.message}"
        raise CopyError("DestinationNotACopy", message, final=error.final) from error
    kind.make_durable(destination, size)
    return size


def verify(
    source: Path, destination: Path, size: int, kind: Kind = images, limit: int | None = None
) -> None:
    """See that the destination, which is durable, holds the same bytes as the source.

    Raises:
        CopyError: it does not.
    """
    kind.check_source(source, size)
    progress = Progress(size, _tell, time.monotonic(), verifying=True)
    comparing.verify(source, destination, size, progress, limit)


def look(destination: Path, *, block: bool) -> None:
    """See that a destination that was there before holds nothing; it is not written to.

    Args:
        destination: the folder that the claim is mounted at, or its device.
        block: which of the two.

    Raises:
        CopyError: it holds something, or that cannot be told.
    """
    progress = Progress(0, _tell, time.monotonic())

    def tell(done: int, total: int) -> None:
        progress.reached(done, time.monotonic(), total)

    (emptiness.check_device if block else emptiness.check_folder)(destination, tell)


def main(arguments: list[str] | None = None) -> int:
    """Copy, and say how it went; the exit status."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)  # as process 1 it would be ignored
    both = Kinds(kinds.of(block=given.source_block), kinds.of(block=given.destination_block))
    source = SOURCE_DEVICE if given.source_block else given.source / names.IMAGE_NAME
    image = given.destination / names.IMAGE_NAME
    destination = DESTINATION_DEVICE if given.destination_block else image
    shared = False
    try:
        if given.look:
            place = destination if given.destination_block else given.destination
            look(place, block=given.destination_block)
            _report(given.termination_log, {"empty": True})
            return 0
        if given.check:
            wanted = given.size_bytes or (both.source.size_of(source) if given.verify else None)
            size = check(destination, wanted, both.destination)
        else:
            size = given.size_bytes or both.source.size_of(source)
            shared = copy(source, destination, size, both, given.bytes_per_second)
        if given.verify:
            verify(source, destination, size, both.source, given.bytes_per_second)
    except CopyError as error:
        result = {"reason": error.reason, "message": error.message[-MESSAGE_LIMIT:]}
        _report(given.termination_log, result)
        return FINAL if error.final else FAILED
    how = {"sharedBlocks": True} if shared else {}
    _report(given.termination_log, {"bytesDone": size, "bytesTotal": size, **how})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="detour_copier", description="Copies one raw image.")
    parser.add_argument(
        "--size-bytes",
        type=_positive,
        help="the disk as the guest sees it; by default the image's",
    )
    parser.add_argument("--source", type=Path, default=Path(names.COPIER_SOURCE_PATH))
    parser.add_argument("--destination", type=Path, default=Path(names.COPIER_DESTINATION_PATH))
    for end in ("source", "destination"):
        parser.add_argument(
            f"--{end}-block", action="store_true", help=f"the {end} is a device, at a fixed path"
        )
    parser.add_argument(
        "--check", action="store_true", help="copy nothing: see that the destination is a copy"
    )
    parser.add_argument(
        "--verify", action="store_true", help="compare the destination with the source in the end"
    )
    parser.add_argument(
        "--look", action="store_true", help="copy nothing: see that the destination is empty"
    )
    parser.add_argument(
        "--bytes-per-second",
        type=_positive,
        help="most to copy, and most to read of each image to compare them; by default no limit",
    )
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
