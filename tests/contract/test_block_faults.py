"""Block devices that hold data, or fail, under the copier."""

import contextlib
import json
import os
import subprocess

import pytest

from contract.conftest import loop_device
from detour_copier import __main__ as copier
from detour_copier.__main__ import FAILED, FINAL, main
from harness.mounts import unmount

MIB = 1 << 20
SIZE = 8 * MIB
ODD = 512
"""So many bytes more than whole pages: the page cache is written to, not the device."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the copier on devices; exit status and result."""

    def copy(source, destination, *words):
        monkeypatch.setattr(copier, "SOURCE_DEVICE", source)
        monkeypatch.setattr(copier, "DESTINATION_DEVICE", destination)
        result = tmp_path / "result"
        both = ("--source-block", "--destination-block")
        status = main([*both, *words, f"--termination-log={result}"])
        return status, json.loads(result.read_text())

    return copy


def sparse(path, size, *data):
    with path.open("wb") as file:
        file.truncate(size)
        for offset, content in data:
            file.seek(offset)
            file.write(content)
    return path


@pytest.mark.parametrize("size", [SIZE, SIZE + 512])
def test_a_device_of_zeroes_is_empty(run, tmp_path, size):
    with loop_device(sparse(tmp_path / "device", size)) as device:
        assert run(None, device, "--look") == (0, {"empty": True})


@pytest.mark.parametrize("at", [0, 5 * MIB + 77, SIZE + 511])
def test_one_byte_of_a_device_is_data(run, tmp_path, at):
    file = sparse(tmp_path / "device", SIZE + 512, (at, b"x"))
    before = file.read_bytes()
    with loop_device(file) as device:
        status, result = run(None, device, "--look")
    assert (status, result["reason"]) == (FINAL, "DestinationNotEmpty")
    assert "spec.destination.overwrite" in result["message"]
    assert file.read_bytes() == before


def test_a_file_in_the_devices_place_is_refused(run, tmp_path):
    status, result = run(None, sparse(tmp_path / "file", SIZE), "--look")
    assert (status, result["reason"]) == (FINAL, "DestinationNotAnImage")


@pytest.fixture
def pool(tmp_path):
    """A file system of 4 MiB, on which thin volumes can be made."""
    folder = tmp_path / "pool"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=True)
    yield folder
    unmount(folder)


@contextlib.contextmanager
def buffered(file):
    """A device over a file that cannot be opened past the page cache, as on tmpfs of old."""
    found = subprocess.run(
        ["losetup", "--find", "--show", file], check=True, capture_output=True, text=True
    )
    device = found.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.mark.parametrize(
    ("more", "expected"),
    [(0, (FINAL, "NoSpaceLeft")), (ODD, (FAILED, "WriteError"))],
    ids=["direct", "through the page cache"],
)
def test_a_thin_device_whose_pool_is_full(run, tmp_path, pool, more, expected):
    """qemu-img does not notice where the page cache took everything; the cache forgets why."""
    size = SIZE + more
    source = sparse(tmp_path / "source", size, (0, os.urandom(SIZE)))
    thin = sparse(pool / "thin", size)
    with loop_device(source) as one, buffered(thin) as other:
        status, result = run(one, other, f"--size-bytes={size}")
    assert (status, result["reason"]) == expected


@pytest.mark.parametrize("more", [0, ODD], ids=["direct", "through the page cache"])
def test_a_device_that_cannot_be_read(run, tmp_path, more):
    size = SIZE + more
    source = sparse(tmp_path / "source", size, (0, os.urandom(SIZE)))
    destination = sparse(tmp_path / "destination", size)
    with loop_device(source) as one, loop_device(destination) as other:
        os.truncate(source, 5 * MIB)
        status, result = run(one, other, f"--size-bytes={size}")
    assert (status, result["reason"]) == (FAILED, "ReadError")


def test_a_destination_that_cannot_be_read_is_not_empty(run, tmp_path):
    file = sparse(tmp_path / "device", SIZE)
    with loop_device(file) as device:
        os.truncate(file, 5 * MIB)
        status, result = run(None, device, "--look")
    assert (status, result["reason"]) == (FAILED, "DestinationNotReadable")
