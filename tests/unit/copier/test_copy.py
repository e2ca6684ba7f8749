"""What a copy is, on real files with a real qemu-img."""

import json
import os
import subprocess
import sys

import pytest

from detour_copier import images, qemu_img
from detour_copier.__main__ import FAILED, FINAL
from detour_copier.direct import offers_direct_io
from detour_copier.errors import CopyError, from_qemu_img
from detour_copier.progress import Progress

MIB = 1024 * 1024
SIZE = 8 * MIB
RANDOM = os.urandom(MIB)


@pytest.fixture(autouse=True)
def closed_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_copy_is_equal_and_has_the_size_and_mode_that_qemu_needs(copy):
    copy.write_source((0, RANDOM), (5 * MIB, RANDOM))
    assert copy.run() == 0
    assert copy.destination.read_bytes() == copy.source.read_bytes()
    assert copy.destination.stat().st_mode & 0o777 == 0o660
    assert copy.result() == {"bytesDone": copy.size, "bytesTotal": copy.size}


def test_old_data_in_the_destination_is_written_over_zeroes_included(copy):
    copy.write_source((MIB, RANDOM))
    copy.destination.write_bytes(b"old" * (copy.size // 3 + 1))  # longer than the source
    assert copy.run() == 0
    assert copy.destination.read_bytes() == copy.source.read_bytes()


def test_an_allocated_destination_is_written_over_where_the_source_is_zeroes_without_a_hole(copy):
    copy.source.write_bytes(bytes(copy.size))
    copy.destination.write_bytes(b"\xff" * copy.size)
    assert copy.run() == 0
    assert copy.destination.read_bytes() == bytes(copy.size)


def test_holes_stay_holes(copy, data_ranges):
    copy.write_source((2 * MIB, RANDOM))
    assert copy.run() == 0
    assert data_ranges(copy.destination) == [(2 * MIB, 3 * MIB)]


def test_old_data_becomes_a_hole_where_the_source_has_one(copy, data_ranges):
    copy.write_source((2 * MIB, RANDOM))
    copy.destination.write_bytes(b"\xff" * copy.size)
    assert copy.run() == 0
    assert data_ranges(copy.destination) == [(2 * MIB, 3 * MIB)]


def test_an_empty_source_gives_an_empty_destination(copy, data_ranges):
    copy.write_source()
    assert copy.run() == 0
    assert data_ranges(copy.destination) == []
    assert copy.destination.stat().st_size == copy.size


@pytest.mark.parametrize("size", [512, 3 * 512, MIB + 512, 4096, MIB + 4096])
def test_sizes_that_are_no_whole_blocks_of_the_file_system(copy, size):
    copy.size = size
    copy.source.write_bytes(RANDOM[:512] * (size // 512))
    assert copy.run() == 0
    assert copy.destination.read_bytes() == copy.source.read_bytes()


def test_the_copy_can_be_repeated(copy):
    copy.write_source((0, RANDOM))
    assert copy.run() == 0
    assert copy.run() == 0
    assert copy.destination.read_bytes() == copy.source.read_bytes()


def test_the_source_is_not_touched(copy):
    copy.write_source((0, RANDOM))
    copy.source.chmod(0o440)
    before = copy.source.stat()
    assert copy.run() == 0
    after = copy.source.stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(lambda source: None, "SourceMissing", id="missing"),
        pytest.param(lambda source: source.mkdir(), "SourceNotAnImage", id="a-folder"),
        pytest.param(os.mkfifo, "SourceNotAnImage", id="a-pipe"),
        pytest.param(lambda source: source.symlink_to(__file__), "SourceNotAnImage", id="a-link"),
        pytest.param(lambda source: source.write_bytes(b"x" * 512), "SourceTooSmall", id="short"),
        pytest.param(
            lambda source: source.write_bytes(bytes(9 * MIB)), "SourceTooLarge", id="long"
        ),
    ],
)
def test_a_source_that_is_not_the_guests_disk_is_refused_for_good(copy, prepare, reason):
    prepare(copy.source)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == reason
    assert not copy.destination.exists()


def test_a_link_in_place_of_the_destination_is_refused(copy):
    copy.write_source()
    copy.destination.symlink_to(copy.source)
    assert copy.run() == FINAL
    assert copy.result()["reason"] == "DestinationNotWritable"


def test_a_source_that_qemu_writes_to_is_refused(copy):
    copy.write_source((0, RANDOM))
    holder = subprocess.Popen(
        ["qemu-io", "-f", "raw", str(copy.source)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        holder.stdin.write(b"write 0 512\n")
        holder.stdin.flush()
        assert b"wrote" in _until(holder.stdout, b"wrote")
        assert copy.run() == FAILED
        assert copy.result()["reason"] == "ImageInUse"
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def _until(stream, words):
    said = b""
    while words not in said:
        part = os.read(stream.fileno(), 4096)
        assert part, f"it ended before it said {words}: {said}"
        said += part
    return said


@pytest.mark.parametrize(
    ("said", "reason", "final"),
    [
        ("qemu-img: error while writing at byte 0: No space left on device", "NoSpaceLeft", True),
        ("qemu-img: error while writing at byte 0: Input/output error", "WriteError", False),
        ("qemu-img: error while reading at byte 0: Input/output error", "ReadError", False),
        (
            "qemu-img: error while reading block status at offset 0: Input/output error",
            "ReadError",
            False,
        ),
        ('qemu-img: Could not open: Failed to get shared "write" lock', "ImageInUse", False),
        ("qemu-img: something new", "CopyFailed", False),
        ("", "CopyFailed", False),
    ],
)
def test_what_qemu_img_says_has_a_reason(said, reason, final):
    error = from_qemu_img(said, 1)
    assert (error.reason, error.final) == (reason, final)
    assert error.message


def test_what_a_process_has_read_is_counted(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(b"x" * 100_000)
    before = qemu_img._read(os.getpid())
    image.read_bytes()
    assert qemu_img._read(os.getpid()) - before >= 100_000
    assert qemu_img._read(0) is None


def test_a_failing_child_raises_what_it_said():
    progress = Progress(1, lambda line: None, 0.0)
    with pytest.raises(CopyError, match="NoSpaceLeft"):
        qemu_img.run(["sh", "-c", "echo No space left on device >&2; exit 1"], progress)


def test_a_destination_of_another_size_after_the_copy_is_an_error(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(b"x")
    with pytest.raises(CopyError, match="DestinationSizeWrong"):
        images.make_durable(path, 2)


def test_direct_io_is_left_where_the_size_is_no_whole_blocks(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(b"x")
    assert not offers_direct_io(path, 4096 + 512)


@pytest.mark.parametrize(("direct", "cache"), [(True, "none"), (False, "writeback")])
def test_the_command_never_unlocks_and_never_takes_the_target_for_zero(tmp_path, direct, cache):
    sides = [qemu_img.Side(tmp_path / name, "file", direct=direct) for name in "ab"]
    command = qemu_img.command(*sides, size=SIZE)
    assert command.count(cache) == 2
    assert "-n" in command
    assert not {"-U", "--force-share", "--target-is-zero"} & set(command)


def test_the_process_tells_its_progress_as_json_lines(copy):
    copy.write_source((0, RANDOM))
    ran = subprocess.run(
        [sys.executable, "-m", "detour_copier", *copy.arguments()],
        env={**os.environ, "PYTHONPATH": "copier:crds"},
        capture_output=True,
        check=True,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines[-2]["bytesDone"] == lines[-2]["bytesTotal"] == copy.size
    assert set(lines[-2]) == {"bytesDone", "bytesTotal", "bytesPerSecond"}
    assert ran.stderr == b""
