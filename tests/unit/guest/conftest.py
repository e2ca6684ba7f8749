import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from guest.log import parse
from guest.native import build_writer
from guest.verify import Verdict, verify

MEBIBYTE = 1 << 20


@dataclass
class Disk:
    """A file that the real writer works on, and the consoles of all boots until now."""

    program: Path
    path: Path
    console: str = ""

    def boot(self, **settings: int) -> str:
        words = [f"{name}={value}" for name, value in {"pause_us": 0, **settings}.items()]
        done = subprocess.run(
            [str(self.program), f"disk={self.path}", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        self.console += done.stdout
        return done.stdout

    def verify(self, slack: int = 0) -> Verdict:
        return verify(parse(self.console), self.path, slack)

    def read(self, sector: int, sectors: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(sector * 512)
            return file.read(sectors * 512)

    def write(self, sector: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(sector * 512)
            file.write(data)


@pytest.fixture(scope="session")
def writer(tmp_path_factory):
    return build_writer(tmp_path_factory.mktemp("writer"))


@pytest.fixture
def disk(writer, tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(8 * MEBIBYTE)
    return Disk(writer, path)
