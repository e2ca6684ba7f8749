"""The copier on real block devices."""

import json
import os

import pytest

from contract.conftest import filled, loop_device
from detour_copier import __main__ as copier
from detour_copier.__main__ import FINAL, main
from guest.image import extents

MIB = 1 << 20
BLOCK = ("--source-block", "--destination-block")
SIZE = 8 * MIB + 5 * 512
"""No whole MiB, no whole 4 KiB."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Copies one device onto another: sizes of both and of the disk; result and content."""

    def copy(source_bytes, destination_bytes, size, *options, asks=()):
        source = tmp_path / "source"
        source.write_bytes(os.urandom(MIB) + bytes(source_bytes - MIB))
        destination = filled(tmp_path / "destination", destination_bytes)
        with loop_device(source, *options) as one, loop_device(destination, *options) as other:
            monkeypatch.setattr(copier, "SOURCE_DEVICE", one)
            monkeypatch.setattr(copier, "DESTINATION_DEVICE", other)
            result = tmp_path / "result"
            given = [f"--size-bytes={size}"] if size else []
            status = main([*BLOCK, *given, *asks, f"--termination-log={result}"])
        return status, json.loads(result.read_text()), source, destination

    return copy


def test_old_data_is_written_over_zeroes_included(run):
    status, result, source, destination = run(SIZE, SIZE, SIZE)
    assert (status, result) == (0, {"bytesDone": SIZE, "bytesTotal": SIZE})
    assert destination.read_bytes() == source.read_bytes()


def test_what_is_behind_the_disk_on_a_larger_device_becomes_zero(run):
    status, _, source, destination = run(SIZE, SIZE + MIB + 512, SIZE)
    assert status == 0
    assert destination.read_bytes() == source.read_bytes() + bytes(MIB + 512)


def test_a_source_larger_than_the_disk_is_copied_as_far_as_the_disk_goes(run):
    status, _, source, destination = run(SIZE + MIB, SIZE, SIZE)
    assert status == 0
    assert destination.read_bytes() == source.read_bytes()[:SIZE]


def test_sectors_of_4096_bytes(run):
    status, _, source, destination = run(8 * MIB, 9 * MIB, 8 * MIB, "--sector-size=4096")
    assert status == 0
    assert destination.read_bytes() == source.read_bytes() + bytes(MIB)


@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        pytest.param((SIZE, SIZE, SIZE), [], id="equal"),
        pytest.param((SIZE, SIZE + MIB + 512, 0), [], id="a stopped guest's, to a larger one"),
        pytest.param((SIZE + MIB, SIZE, SIZE), [], id="a source larger than the disk"),
        pytest.param((8 * MIB, 9 * MIB, 8 * MIB), ["--sector-size=4096"], id="sectors of 4096"),
    ],
)
def test_a_device_is_verified_as_far_as_the_disk_goes(run, sizes, options):
    status, result, *_ = run(*sizes, *options, asks=["--verify"])
    whole = sizes[2] or sizes[0]
    assert (status, result) == (0, {"bytesDone": whole, "bytesTotal": whole})


def test_a_device_that_is_no_copy_is_found(run):
    status, result, *_ = run(SIZE, SIZE, SIZE, asks=["--check", "--verify"])
    assert (status, result["reason"]) == (FINAL, "VerificationFailed")


def test_without_a_size_all_of_the_device_is_copied(run):
    status, result, source, destination = run(SIZE, SIZE + 512, 0)
    assert (status, result["bytesTotal"]) == (0, SIZE)
    assert destination.read_bytes() == source.read_bytes() + bytes(512)


@pytest.mark.parametrize(
    ("source", "destination", "reason"),
    [(SIZE, SIZE - 512, "DestinationTooSmall"), (SIZE - 512, SIZE, "SourceTooSmall")],
)
def test_a_device_smaller_than_the_disk_is_refused_for_good(run, source, destination, reason):
    status, result, *_ = run(source, destination, SIZE)
    assert (status, result["reason"]) == (FINAL, reason)
    assert str(SIZE) in result["message"]


def test_the_verifier_of_the_guests_disk_reads_devices(tmp_path):
    file = filled(tmp_path / "device", SIZE)
    with loop_device(file) as device, device.open("rb") as opened:
        assert list(extents(opened.fileno(), SIZE)) == [(0, SIZE, True)]


def test_files_are_no_devices(tmp_path, monkeypatch):
    for name in ("SOURCE_DEVICE", "DESTINATION_DEVICE"):
        monkeypatch.setattr(copier, name, filled(tmp_path / name, MIB))
    result = tmp_path / "result"
    assert main([*BLOCK, f"--size-bytes={MIB}", f"--termination-log={result}"]) == FINAL
    assert json.loads(result.read_text())["reason"] == "SourceNotAnImage"
