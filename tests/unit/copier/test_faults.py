"""Volumes that fail under a copy: real file systems on loop devices that end too early.

A loop device over a file that was cut off answers with an I/O error where the file is missing: to
a read at once, to a write if the file may not grow again. One over a sparse file on a full file
system is a thin volume whose pool is full: its own file system has room.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess

import pytest

from detour_copier import devices
from detour_copier.__main__ import FAILED, FINAL
from detour_copier.__main__ import copy as copy_image
from detour_copier.errors import CopyError
from detour_copier.kinds import Kinds
from harness.mounts import unmount
from unit.copier.conftest import MIB

pytestmark = pytest.mark.thorough

DATA = os.urandom(12 * MIB)
ODD = 512
"""So many bytes more than whole blocks: the page cache is written to, not the volume."""


@pytest.fixture
def mounted():
    """Mounts, as long as the test runs; or no test."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("mounting needs root and e2fsprogs")
    places = []

    def mount(*arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        places.append(arguments[-1])

    yield mount
    for place in reversed(places):
        unmount(place)


def ext4(image, size):
    with image.open("wb") as file:
        file.truncate(size)
    quiet = ("-q", "-F", "-b", "4096", "-O", "^has_journal", "-m", "0")
    now = ("-E", "lazy_itable_init=0,root_owner=0:0")
    subprocess.run(["mkfs.ext4", *quiet, *now, image], check=True)


def fill(path):
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))


@pytest.fixture
def thin(copy, mounted, tmp_path):
    """A destination whose file system has room, on a volume that has none."""
    pool = tmp_path / "pool"
    pool.mkdir()
    mounted("-t", "tmpfs", "-o", "size=20m", "none", pool)
    ext4(pool / "ext4.img", 64 * MIB)
    mounted("-o", "loop", pool / "ext4.img", copy.destination.parent)
    fill(pool / "filler")
    return copy


@pytest.fixture
def broken(copy, mounted, tmp_path):
    """A destination whose volume takes nothing behind the file system's first MiB."""
    ext4(tmp_path / "ext4.img", 64 * MIB)
    memory = os.memfd_create("volume", os.MFD_ALLOW_SEALING)
    with os.fdopen(memory, "w+b") as volume:
        volume.write((tmp_path / "ext4.img").read_bytes())
        volume.flush()
        mounted("-o", "loop", f"/proc/{os.getpid()}/fd/{memory}", copy.destination.parent)
        volume.truncate(4 * MIB)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        yield copy


@pytest.fixture
def devices_over(tmp_path):
    """Makes loop devices, one over the other; the lowest may be over a file."""
    if os.geteuid() != 0 or not shutil.which("losetup"):
        pytest.skip("loop devices need root")
    made = []

    def make(below, count=1):
        for _ in range(count):
            command = ["losetup", "--find", "--show", str(below)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no loop device can be made here: {done.stderr.strip()}")
            below = done.stdout.strip()
            made.append(below)
        return pathlib.Path(below)

    yield make
    for device in reversed(made):
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture
def immutable():
    """Has a file take no write any more, open as it is, until the end of the test."""
    made = []

    def change(path):
        done = subprocess.run(["chattr", "+i", path], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file can be made immutable here: {done.stderr.strip()}")
        made.append(path)

    yield change
    for path in made:
        subprocess.run(["chattr", "-i", path], check=True)


BOTH = pytest.mark.parametrize("more", [0, ODD], ids=["direct", "through the page cache"])


@BOTH
def test_no_space_on_the_destination(copy, mounted, tmp_path, more):
    copy.size = len(DATA) + more
    copy.write_source((0, DATA))
    ext4(tmp_path / "small.img", 8 * MIB)
    mounted("-o", "loop", tmp_path / "small.img", copy.destination.parent)
    before = copy.source.read_bytes()
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "NoSpaceLeft"
    assert copy.source.read_bytes() == before


def test_no_space_for_another_file(copy, mounted, tmp_path):
    copy.write_source((0, DATA[:MIB]))
    mounted("-t", "tmpfs", "-o", "nr_inodes=2", "none", copy.destination.parent)
    (copy.destination.parent / "filler").touch()
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "NoSpaceLeft"


@BOTH
def test_no_space_under_the_destination(thin, more):
    thin.size = len(DATA) + more
    thin.write_source((0, DATA))
    assert thin.run() == FINAL
    assert thin.result()["reason"] == "NoSpaceLeft"


@BOTH
def test_a_destination_that_cannot_be_written_to(broken, more):
    broken.size = len(DATA) + more
    broken.write_source((0, DATA))
    assert broken.run() == FAILED
    assert broken.result()["reason"] == "WriteError"


@BOTH
def test_a_source_that_cannot_be_read(copy, mounted, tmp_path, more):
    copy.size = len(DATA) + more
    image = tmp_path / "source.img"
    ext4(image, 64 * MIB)
    mounted("-o", "loop", image, copy.source.parent)
    copy.write_source((0, DATA))
    with copy.source.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    whole = image.read_bytes()
    os.truncate(image, whole.index(DATA[8 * MIB : 8 * MIB + 4096]))
    try:
        assert copy.run() == FAILED
        assert copy.result()["reason"] == "ReadError"
    finally:
        with image.open("r+b") as file:
            file.write(whole)  # so that it can be unmounted, and looked at
    assert copy.run() == 0
    assert copy.destination.read_bytes() == DATA + bytes(more)


@BOTH
def test_a_loss_that_the_device_tells_of_once(devices_over, immutable, tmp_path, more):
    """It took each write, into a cache of its own, and says so when it is flushed first."""
    size = len(DATA) + more
    (tmp_path / "source").write_bytes(DATA)
    (tmp_path / "destination").touch()
    for name in ("source", "destination"):
        os.truncate(tmp_path / name, 16 * MIB)
    source = devices_over(tmp_path / "source")
    destination = devices_over(tmp_path / "destination", count=2)
    immutable(tmp_path / "destination")
    with pytest.raises(CopyError, match="WriteError"):
        copy_image(source, destination, size, Kinds(devices, devices))
    assert not (tmp_path / "destination").read_bytes().strip(b"\0")
