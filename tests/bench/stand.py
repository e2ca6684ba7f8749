"""Where the copier runs by itself: its settings, its images and its command line."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import images
from bench.images import Place
from bench.record import ROOT
from detour_crds import names
from detour_crds.quantities import bytes_of

ENVIRONMENT = {"PYTHONPATH": f"{ROOT / 'copier'}:{ROOT / 'crds'}"}


@dataclass(frozen=True)
class Stand:
    """What is measured, and where.

    Attributes:
        size: bytes of each image.
        rounds: how often everything is run.
        folder: where the images are; it is made and taken away.
    """

    size: int
    rounds: int
    folder: Path

    @classmethod
    def read(cls) -> "Stand":
        """As the environment has it."""
        return cls(
            bytes_of(os.environ.get("BENCH_SIZE") or "1Gi"),
            int(os.environ.get("BENCH_ROUNDS") or 5),
            Path(os.environ.get("BENCH_FOLDER") or ROOT / "build" / "bench"),
        )

    @property
    def source(self) -> Path:
        """The image that is copied."""
        return self.folder / "source" / names.IMAGE_NAME

    @property
    def destination(self) -> Path:
        """The image that is made."""
        return self.folder / "destination" / names.IMAGE_NAME

    @contextlib.contextmanager
    def places(self, *, block: bool) -> Iterator[tuple[Place, Place]]:
        """Source and destination, both as files or both as devices: so Detour moves disks."""
        if not block:
            yield images.as_file(self.source), images.as_file(self.destination)
            return
        self.destination.parent.mkdir(parents=True, exist_ok=True)
        with self.destination.open("wb") as file:
            file.truncate(self.size)
        with (
            images.as_device(self.source) as read,
            images.as_device(self.destination) as written,
            _node(names.COPIER_SOURCE_DEVICE, read),
            _node(names.COPIER_DESTINATION_DEVICE, written),
        ):
            yield read, written

    def copier(self, *words: str, block: bool) -> list[str]:
        """The copier's command line, as the Job has it."""
        folders = [str(path.parent) for path in (self.source, self.destination)]
        places = ["--source", folders[0], "--destination", folders[1]]
        return [
            *(sys.executable, "-m", "detour_copier", "--size-bytes", str(self.size)),
            *(["--source-block", "--destination-block"] if block else places),
            *("--termination-log", str(self.folder / "said")),
            *words,
        ]

    def shared_blocks(self) -> bool:
        """Whether the copier had the file system share the blocks, the last time."""
        return "sharedBlocks" in (self.folder / "said").read_text()


@contextlib.contextmanager
def _node(path: str, place: Place) -> Iterator[None]:
    """The device where the copier looks for it; a bench that was killed may have left one."""
    Path(path).unlink(missing_ok=True)
    os.mknod(path, stat.S_IFBLK | 0o600, place.path.stat().st_rdev)
    try:
        yield
    finally:
        Path(path).unlink()
