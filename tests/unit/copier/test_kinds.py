"""Image files that become devices and devices that become image files."""

import contextlib
import os
import subprocess

import pytest

from detour_copier import __main__ as copier
from detour_copier import images, qemu_img, reflink
from detour_copier.__main__ import FINAL
from detour_copier.errors import CopyError
from detour_copier.kinds import FILES, Kinds, of
from unit.copier.conftest import MIB, SIZE

RANDOM = os.urandom(MIB)
BEHIND = 5 * MIB + 512
"""No whole MiB, no whole 4 KiB."""
FILE, DEVICE = of(block=False), of(block=True)
BOTH_WAYS = pytest.mark.parametrize(
    "both", [Kinds(FILE, DEVICE), Kinds(DEVICE, FILE)], ids=["unpacked", "packed"]
)


@pytest.fixture
def loop(tmp_path, monkeypatch):
    """Makes one side of the copier a device over a file; the file."""
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    with contextlib.ExitStack() as stack:

        def make(side, size, content=b"\xff"):
            image = tmp_path / f"{side}.device"
            image.write_bytes((content * (size // len(content) + 1))[:size])
            command = ["losetup", "--find", "--show", image]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"there is no loop device to be had: {done.stderr.strip()}")
            device = done.stdout.strip()
            stack.callback(subprocess.run, ["losetup", "--detach", device], check=True)
            monkeypatch.setattr(copier, f"{side.upper()}_DEVICE", copier.Path(device))
            return image

        yield make


def test_a_file_becomes_a_larger_device_and_what_is_behind_it_zeroes(copy, loop):
    device = loop("destination", SIZE + BEHIND)
    copy.write_source((MIB, RANDOM), (5 * MIB, RANDOM))
    copy.size, copy.words, copy.verifies = None, ("--destination-block",), True
    assert copy.run() == 0
    assert copy.result() == {"bytesDone": SIZE, "bytesTotal": SIZE}
    os.sync()
    assert device.read_bytes() == copy.source.read_bytes() + bytes(BEHIND)


def test_a_device_becomes_a_file_of_its_size_with_holes(copy, loop, data_ranges):
    device = loop("source", SIZE, bytes(2 * MIB) + RANDOM + bytes(SIZE))
    copy.destination.write_bytes(b"old" * SIZE)
    copy.size, copy.words, copy.verifies = None, ("--source-block",), True
    assert copy.run() == 0
    assert copy.result() == {"bytesDone": SIZE, "bytesTotal": SIZE}
    assert copy.destination.read_bytes() == device.read_bytes()
    assert data_ranges(copy.destination) == [(2 * MIB, 3 * MIB)]
    assert copy.destination.stat().st_mode & 0o777 == 0o660


def test_a_device_that_is_smaller_than_the_image_is_refused_untouched(copy, loop):
    device = loop("destination", SIZE - 512)
    copy.write_source((0, RANDOM))
    copy.size, copy.words = None, ("--destination-block",)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationTooSmall"
    assert set(device.read_bytes()) == {0xFF}


@BOTH_WAYS
def test_a_copy_that_differs_is_found_whatever_it_is(copy, loop, both):
    copy.size, copy.checks, copy.verifies = None, True, True
    content = RANDOM * 8
    if both.source is FILE:
        copy.write_source((0, content))
        loop("destination", SIZE, content[:-1] + b"?")
        copy.words = ("--destination-block",)
    else:
        loop("source", SIZE, content)
        copy.destination.write_bytes(content[:-1] + b"?")
        copy.words = ("--source-block",)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "VerificationFailed"
    assert f"byte {SIZE - 1}:" in copy.result()["message"]


def test_a_device_s_image_of_another_size_is_no_copy(copy, loop):
    loop("source", SIZE, RANDOM)
    copy.destination.write_bytes(bytes(SIZE + 512))
    copy.size, copy.checks, copy.verifies, copy.words = None, True, True, ("--source-block",)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationNotACopy"


def test_who_looks_looks_at_the_kind_of_the_destination(copy, loop):
    copy.size, copy.words = None, ("--look", "--source-block")
    assert copy.run() == 0
    loop("destination", MIB)
    copy.words = ("--look", "--destination-block")
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationNotEmpty"


def test_files_alone_can_share_blocks():
    assert FILES.may_share_blocks
    kinds = [(FILE, DEVICE), (DEVICE, FILE), (DEVICE, DEVICE)]
    assert not any(Kinds(*both).may_share_blocks for both in kinds)


def test_no_blocks_are_asked_to_be_shared_with_a_device(copy, loop, monkeypatch):
    def clone(*_):
        raise AssertionError("it was tried")

    monkeypatch.setattr(reflink, "clone", clone)
    loop("destination", SIZE)
    copy.write_source((0, RANDOM))
    copy.words = ("--destination-block",)
    assert copy.run() == 0


def test_each_side_has_its_own_driver_and_way_around_the_page_cache(tmp_path):
    source = qemu_img.Side(tmp_path / "disk.img", "file", direct=False)
    destination = qemu_img.Side(tmp_path / "device", "host_device", direct=True)
    command = qemu_img.command(source, destination, size=SIZE)
    assert command[command.index("-T") + 1] == "writeback"
    assert command[command.index("-t") + 1] == "none"
    read, written = command[-2:]
    assert "file.driver=file," in read
    assert "file.driver=host_device," in written
    assert ("no-flush" in read, "no-flush" in written) == (False, True)


def test_a_file_system_that_could_never_hold_the_whole_device_is_refused(tmp_path):
    found = os.statvfs(tmp_path)
    room = (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize
    images.check_room(tmp_path / "disk.img", MIB)
    with pytest.raises(CopyError, match=r"DestinationTooSmall: .*claimTemplate.size") as raised:
        images.check_room(tmp_path / "disk.img", 2 * room)
    assert raised.value.final
    assert str(2 * room) in raised.value.message


def no_room(path, size):
    raise CopyError("DestinationTooSmall", f"{path}: {size}", final=True)


def test_a_device_is_not_begun_with_where_it_has_no_room(copy, loop, monkeypatch):
    monkeypatch.setattr(images, "check_room", no_room)
    loop("source", SIZE)
    copy.size, copy.words = None, ("--source-block",)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationTooSmall"
    assert not copy.destination.exists()


def test_a_file_that_becomes_a_file_may_be_promised_more_than_there_is(copy, monkeypatch):
    """So it was on the source: sparse files, of a file system that many may share."""
    monkeypatch.setattr(images, "check_room", no_room)
    copy.write_source((0, RANDOM))
    assert copy.run() == 0
