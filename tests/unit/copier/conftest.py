"""Real image files and a real qemu-img."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from detour_copier.__main__ import main

MIB = 1024 * 1024
SIZE = 8 * MIB


@dataclasses.dataclass
class Copy:
    """One copy: two folders as the Job mounts them."""

    root: Path
    size: int | None = SIZE
    checks: bool = False
    verifies: bool = False
    limit: int | None = None
    words: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        return self.root / "source" / "disk.img"

    @property
    def destination(self) -> Path:
        return self.root / "destination" / "disk.img"

    def arguments(self) -> list[str]:
        return [
            *([f"--size-bytes={self.size}"] if self.size else []),
            f"--source={self.source.parent}",
            f"--destination={self.destination.parent}",
            f"--termination-log={self.root / 'result'}",
            *(["--check"] if self.checks else []),
            *(["--verify"] if self.verifies else []),
            *([f"--bytes-per-second={self.limit}"] if self.limit else []),
            *self.words,
        ]

    def run(self) -> int:
        return main(self.arguments())

    def result(self) -> dict:
        return json.loads((self.root / "result").read_text())

    def write_source(self, *data: tuple[int, bytes]) -> None:
        """A sparse source with some data at some offsets."""
        with self.source.open("wb") as file:
            file.truncate(self.size)
            for offset, content in data:
                file.seek(offset)
                file.write(content)


def ranges_with_data(path: Path) -> list[tuple[int, int]]:
    """The ranges of a file that are not holes."""
    ranges, offset = [], 0
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while offset < end:
            try:
                start = os.lseek(file.fileno(), offset, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole from here on
                break
            offset = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            ranges.append((start, offset))
    return ranges


@pytest.fixture
def copy(tmp_path):
    if shutil.which("qemu-img") is None:
        pytest.skip("needs qemu-img (Debian: qemu-utils)")
    made = Copy(tmp_path)
    made.source.parent.mkdir()
    made.destination.parent.mkdir()
    return made


@pytest.fixture
def data_ranges():
    return ranges_with_data
