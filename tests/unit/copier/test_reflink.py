"""Shared blocks in place of a copy, on a real file system that can; and what is copied."""

import errno
import os
import shutil
import subprocess

import pytest

from detour_copier import reflink
from detour_copier.__main__ import FAILED
from detour_copier.errors import CopyError
from harness.mounts import unmount
from unit.copier.conftest import MIB, SIZE, Copy

pytestmark = pytest.mark.thorough

RANDOM = os.urandom(4 * MIB)
XFS_BYTES = 512 * MIB


@pytest.fixture
def shared(tmp_path):
    """Source and destination as two mounts of one XFS."""
    if os.geteuid() != 0 or not shutil.which("mkfs.xfs"):
        pytest.skip("mounting an XFS needs root and xfsprogs")
    image, where = tmp_path / "xfs.img", tmp_path / "copy"
    with image.open("wb") as file:
        file.truncate(XFS_BYTES)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    mounted = []

    def mount(*arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"an XFS cannot be mounted here: {done.stderr.strip()}")
        mounted.append(arguments[-1])

    try:
        (tmp_path / "fs").mkdir()
        mount("-o", "loop", image, tmp_path / "fs")
        for name in ("source", "destination"):
            (tmp_path / "fs" / name).mkdir()
            (where / name).mkdir(parents=True)
            mount("--bind", tmp_path / "fs" / name, where / name)
        yield Copy(where)
    finally:
        for place in reversed(mounted):
            unmount(place)


def used(copy):
    os.sync()
    found = os.statvfs(copy.source)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@pytest.mark.parametrize("size", [SIZE, 5 * MIB + 512])
def test_blocks_are_shared_and_the_copy_is_equal(shared, size):
    shared.size = size
    shared.write_source((0, RANDOM[: 2 * MIB]), (4 * MIB, RANDOM[:MIB]))
    before = used(shared)
    assert shared.run() == 0
    assert shared.destination.read_bytes() == shared.source.read_bytes()
    assert shared.result() == {"bytesDone": size, "bytesTotal": size, "sharedBlocks": True}
    assert used(shared) - before < MIB
    assert shared.destination.stat().st_mode & 0o777 == 0o660


def test_old_data_of_the_destination_is_gone(shared):
    shared.write_source((MIB, RANDOM[:MIB]))
    shared.destination.write_bytes(b"\xff" * (shared.size + MIB))
    assert shared.run() == 0
    assert shared.destination.read_bytes() == shared.source.read_bytes()


def test_what_is_written_later_goes_to_one_of_them_alone(shared):
    shared.write_source((0, RANDOM))
    assert shared.run() == 0
    with shared.destination.open("r+b") as file:
        file.write(b"new")
    assert shared.source.read_bytes()[: 4 * MIB] == RANDOM


def test_sharing_sees_a_source_that_qemu_writes_to(shared):
    shared.write_source((0, RANDOM))
    command = ["qemu-io", "-f", "raw", str(shared.source)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write(b"write 0 512\n")
        holder.stdin.flush()
        said = b""
        while b"wrote" not in said:
            part = os.read(holder.stdout.fileno(), 4096)
            assert part, said
            said += part
        assert shared.run() == FAILED
        assert shared.result()["reason"] == "ImageInUse"
        assert shared.destination.read_bytes() == bytes(shared.size)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def ioctl_fails(monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(reflink.fcntl, "ioctl", fail)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL])
def test_what_cannot_share_is_copied(copy, monkeypatch, number):
    ioctl_fails(monkeypatch, number)
    copy.write_source((0, RANDOM))
    assert copy.run() == 0
    assert copy.destination.read_bytes() == copy.source.read_bytes()
    assert "sharedBlocks" not in copy.result()


@pytest.mark.parametrize(
    ("number", "reason", "final"),
    [(errno.ENOSPC, "NoSpaceLeft", True), (errno.EIO, "WriteError", False)],
)
def test_a_failure_is_none_to_copy_after(copy, monkeypatch, number, reason, final):
    ioctl_fails(monkeypatch, number)
    copy.write_source((0, RANDOM))
    copy.destination.write_bytes(bytes(copy.size))
    with pytest.raises(CopyError) as caught:
        reflink.clone(copy.source, copy.destination)
    assert (caught.value.reason, caught.value.final) == (reason, final)


def test_a_made_destination_is_looked_at_and_not_touched(copy):
    copy.destination.write_bytes(RANDOM + bytes(copy.size - len(RANDOM)))
    before = copy.destination.read_bytes()
    copy.checks = True
    assert copy.run() == 0
    assert copy.destination.read_bytes() == before
    assert copy.result() == {"bytesDone": copy.size, "bytesTotal": copy.size}


def test_of_a_stopped_guest_the_made_image_says_how_large_it_is(copy):
    copy.destination.write_bytes(RANDOM)
    copy.checks, copy.size = True, None
    assert copy.run() == 0
    assert copy.result() == {"bytesDone": len(RANDOM), "bytesTotal": len(RANDOM)}
    copy.destination.unlink()
    assert copy.run() != 0
    assert copy.result()["reason"] == "DestinationNotACopy"


@pytest.mark.parametrize("size", [None, SIZE - 512, SIZE + 512])
def test_a_made_destination_without_the_image_is_no_copy(copy, size):
    if size is not None:
        copy.destination.write_bytes(bytes(size))
    copy.checks = True
    assert copy.run() != 0
    assert copy.result()["reason"] == "DestinationNotACopy"
