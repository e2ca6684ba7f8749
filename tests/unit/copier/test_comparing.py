"""Source and destination are compared, on real files and real devices."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from detour_copier import comparing, devices, images
from detour_copier.__main__ import FINAL, copy, verify
from detour_copier.errors import CopyError
from detour_copier.kinds import Kinds
from unit.copier.conftest import MIB, SIZE

pytestmark = pytest.mark.thorough

RANDOM = os.urandom(MIB)
ODD = 3 * MIB + 512
"""Bytes of an image that ends within a block of the file system."""


def write(path, *data, size=SIZE):
    with path.open("wb") as file:
        file.truncate(size)
        for offset, content in data:
            file.seek(offset)
            file.write(content)
    subprocess.run(["sync", path], check=True)


def change(path, offset):
    """Another value for one byte, whatever it was."""
    with path.open("r+b") as file:
        file.seek(offset)
        before = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([before ^ 0xFF]))
        os.fsync(file.fileno())


@pytest.fixture
def pair(tmp_path):
    return tmp_path / "source.img", tmp_path / "destination.img"


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        pytest.param([], [], id="two holes"),
        pytest.param(
            [(0, RANDOM), (5 * MIB, RANDOM)], [(0, RANDOM), (5 * MIB, RANDOM)], id="data"
        ),
        pytest.param([(MIB, bytes(2 * MIB))], [], id="zeroes where the copy has a hole"),
        pytest.param([], [(MIB, bytes(2 * MIB))], id="a hole where the copy has zeroes"),
    ],
)
@pytest.mark.parametrize("size", [SIZE, 7 * MIB + 512])
def test_equal_is_equal_however_it_is_stored(pair, source, destination, size):
    write(pair[0], *source, size=size)
    write(pair[1], *destination, size=size)
    verify(*pair, size)


OFFSETS = {
    "the first byte": [0],
    "in data": [MIB + 12345],
    "at a piece's end": [2 * MIB - 1],
    "in a hole": [3 * MIB + 7],
    "the last byte": [ODD - 1],
    "the first of several": [3 * MIB + 1, MIB + 1, MIB + 2],
    "the first of many": [at * 4096 + 1 for at in range(20, 700)],
}


@pytest.mark.parametrize("changed", OFFSETS.values(), ids=OFFSETS)
@pytest.mark.parametrize("which", [0, 1], ids=["of the source", "of the destination"])
def test_the_first_byte_that_differs_is_named(pair, changed, which):
    for path in pair:
        write(path, (MIB, RANDOM), size=ODD)
    for offset in changed:
        change(pair[which], offset)
    with pytest.raises(CopyError, match=rf"differ at byte {min(changed)}:") as caught:
        verify(*pair, ODD)
    assert (caught.value.reason, caught.value.final) == ("VerificationFailed", True)


def test_what_the_medium_holds_is_compared_and_not_what_the_cache_holds(pair, monkeypatch):
    """Both are opened past the page cache where the file system can."""
    asked = []
    opened = os.open
    monkeypatch.setattr(
        comparing.os, "open", lambda path, flags: asked.append(flags) or opened(path, flags)
    )
    for path in pair:
        write(path, (0, RANDOM))
    verify(*pair, SIZE)
    assert [bool(flags & os.O_DIRECT) for flags in asked[:2]] == [True, True]


def test_without_direct_io_the_cache_is_dropped_first(pair, monkeypatch):
    opened, dropped = os.open, []

    def without(path, flags):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return opened(path, flags)

    monkeypatch.setattr(comparing.os, "open", without)
    monkeypatch.setattr(comparing.os, "posix_fadvise", lambda *given: dropped.append(given[3]))
    for path in pair:
        write(path, (0, RANDOM))
    change(pair[1], 77)
    with pytest.raises(CopyError, match="byte 77:"):
        verify(*pair, SIZE)
    assert dropped == [os.POSIX_FADV_DONTNEED] * 2


def test_an_image_that_ends_early_or_cannot_be_read_is_no_equal_one(pair):
    write(pair[0], (0, RANDOM), (SIZE - 1, b"x"))
    write(pair[1], (0, RANDOM), size=SIZE - 4096)
    with pytest.raises(CopyError, match="ReadError"):
        verify(*pair, SIZE)
    pair[1].unlink()
    with pytest.raises(CopyError, match="ReadError"):
        verify(*pair, SIZE)


def test_a_limit_is_obeyed(pair):
    """Of each image are read no more; holes cost nothing."""
    for path in pair:
        write(path, (0, RANDOM), (6 * MIB, RANDOM * 2))
    begun = time.monotonic()
    verify(*pair, SIZE, images, 4 * MIB)
    assert time.monotonic() - begun >= 2 / 4, "the third of 3 MiB begins after two were allowed"


def test_under_a_limit_only_data_counts(pair):
    """The last piece is due once the 4 KiB of each of the others had their time."""
    for path in pair:
        write(path, *((at * MIB, RANDOM[:4096]) for at in range(8)))
    with comparing._Opened(pair[0]) as left, comparing._Opened(pair[1]) as right:
        comparison = comparing._Comparison((left, right), SIZE, 7 * 4096)
        dues = [comparison._due(at) for at in comparison._pieces]
    assert [round(due - dues[0], 3) for due in dues] == [round(at / 7, 3) for at in range(8)]


def test_a_copy_obeys_its_limit_and_is_equal(copy):
    copy.limit = 4 * MIB
    copy.write_source((0, RANDOM), (3 * MIB, RANDOM * 4))
    begun = time.monotonic()
    assert copy.run() == 0
    assert time.monotonic() - begun >= 0.9 * 5 / 4 - 0.5, "the last request is not waited for"
    assert copy.destination.read_bytes() == copy.source.read_bytes()


def lines(captured):
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def test_a_copy_is_verified_before_it_is_done(copy, capsys):
    copy.verifies = True
    copy.write_source((0, RANDOM), (5 * MIB, RANDOM))
    assert copy.run() == 0
    told = [line.get("verifying", False) for line in lines(capsys)[:-1]]
    assert told == sorted(told)
    assert told[-1] is True
    assert copy.result() == {"bytesDone": copy.size, "bytesTotal": copy.size}


def test_a_medium_that_does_not_hold_what_was_written_is_found(copy, monkeypatch):
    """Between the copy and its verification a byte becomes another one."""
    copy.verifies = True
    copy.write_source((0, RANDOM))
    durable = images.make_durable

    def and_rot(path, size):
        durable(path, size)
        change(path, 4711)

    monkeypatch.setattr(images, "make_durable", and_rot)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "VerificationFailed"
    assert "byte 4711:" in copy.result()["message"]


@pytest.mark.parametrize("size", [SIZE, None], ids=["of a running guest", "of a stopped guest"])
def test_what_others_made_is_compared_and_not_touched(copy, size):
    copy.write_source((0, RANDOM), (5 * MIB, RANDOM))
    copy.checks, copy.verifies = True, True
    copy.size = size
    copy.destination.write_bytes(copy.source.read_bytes())
    assert copy.run() == 0
    change(copy.destination, 5 * MIB + 3)
    before = copy.destination.read_bytes()
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "VerificationFailed"
    assert copy.destination.read_bytes() == before
    copy.destination.write_bytes(bytes(SIZE + 512))
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationNotACopy"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_a_verification_that_was_cut_short_has_no_result(copy, number):
    copy.write_source((0, RANDOM * 8))
    copy.destination.write_bytes(copy.source.read_bytes())
    copy.checks, copy.verifies, copy.limit = True, True, 1 << 16
    process = subprocess.Popen(
        [sys.executable, "-m", "detour_copier", *copy.arguments()],
        env={**os.environ, "PYTHONPATH": "copier:crds"},
        stdout=subprocess.PIPE,
    )
    with process:
        assert json.loads(process.stdout.readline())["verifying"] is True
        process.send_signal(number)
        process.wait(timeout=60)
    assert process.returncode != 0
    assert not (copy.root / "result").exists()


@pytest.fixture
def loops(tmp_path):
    """Two devices, the second one larger; their paths."""
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    made = []
    try:
        for name, size in (("source", SIZE), ("destination", SIZE + 4 * MIB)):
            image = tmp_path / name
            image.write_bytes(b"\xff" * size)
            command = ["losetup", "--find", "--show", image]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"there is no loop device to be had: {done.stderr.strip()}")
            made.append(done.stdout.strip())
        yield [comparing.Path(one) for one in made]
    finally:
        for one in made:
            subprocess.run(["losetup", "--detach", one], check=True)


def test_devices_are_copied_within_the_limit_and_compared(loops):
    source, destination = loops
    with source.open("r+b", buffering=0) as file:
        file.write(RANDOM * 4)
    begun = time.monotonic()
    copy(source, destination, SIZE, Kinds(devices, devices), 8 * MIB)
    assert time.monotonic() - begun >= 0.9 * 8 / 8 - 0.5, "the last requests are not waited for"
    verify(source, destination, SIZE, devices)
    with destination.open("rb") as file:
        assert file.read()[SIZE:] == bytes(4 * MIB), "zeroed by the copy, behind the disk's end"
    change(destination, 6 * MIB + 99)
    with pytest.raises(CopyError, match=f"byte {6 * MIB + 99}:"):
        verify(source, destination, SIZE, devices)


def test_a_limit_of_any_size_is_one_that_qemu_img_takes(copy):
    copy.limit = 10**18
    copy.write_source((0, RANDOM))
    assert copy.run() == 0
