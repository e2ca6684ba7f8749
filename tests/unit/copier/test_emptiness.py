"""What an existing destination may hold and still be empty; nothing of it is ever written to."""

import json
import os

import pytest

from detour_copier.__main__ import FAILED, FINAL, main
from unit.copier.conftest import MIB

FIELD = "spec.destination.overwrite"


@pytest.fixture
def look(tmp_path):
    """Looks at a folder as the Job does; exit status and result."""
    folder = tmp_path / "destination"
    folder.mkdir()

    def run():
        result = tmp_path / "result"
        before = _everything(folder)
        status = main(["--look", f"--destination={folder}", f"--termination-log={result}"])
        assert _everything(folder) == before, "written to"
        return status, json.loads(result.read_text())

    run.folder = folder
    run.image = folder / "disk.img"
    return run


def _everything(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        found[path] = (seen.st_ino, seen.st_size, seen.st_blocks, seen.st_mtime_ns, seen.st_mode)
    return found


def image(path, size, *data):
    with path.open("wb") as file:
        file.truncate(size)
        for offset, content in data:
            file.seek(offset)
            file.write(content)


EMPTY = {
    "nothing at all": lambda look: None,
    "a new file system": lambda look: (look.folder / "lost+found").mkdir(),
    "an image of no bytes": lambda look: image(look.image, 0),
    "an image that is one hole": lambda look: image(look.image, 1 << 40),
    "an image of written zeroes": lambda look: look.image.write_bytes(bytes(3 * MIB + 512)),
    "zeroes between holes": lambda look: image(look.image, 9 * MIB, (5 * MIB + 7, bytes(MIB))),
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_empty(look, make):
    make(look)
    assert look() == (0, {"empty": True})


DATA = {
    "its first byte": lambda look: image(look.image, 8 * MIB, (0, b"x")),
    "its last byte": lambda look: image(look.image, 8 * MIB, (8 * MIB - 1, b"x")),
    "a byte in the middle of zeroes": lambda look: image(
        look.image, 8 * MIB, (0, bytes(3 * MIB) + b"x" + bytes(5 * MIB - 1))
    ),
    "a byte after a terabyte of holes": lambda look: image(look.image, 1 << 40, (1 << 39, b"x")),
    "the last of no whole MiB": lambda look: image(look.image, MIB + 513, (MIB + 512, b"x")),
}


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_one_byte_of_an_image_is_data(look, make):
    make(look)
    status, result = look()
    assert (status, result["reason"]) == (FINAL, "DestinationNotEmpty")
    assert FIELD in result["message"]
    assert "disk.img" in result["message"]


OTHERS = {
    "a file of no bytes": lambda folder: (folder / "notes").touch(),
    "a hidden file": lambda folder: (folder / ".notes").touch(),
    "a folder": lambda folder: (folder / "notes").mkdir(),
    "a link": lambda folder: (folder / "notes").symlink_to("nowhere"),
    "a folder in the image's place": lambda folder: (folder / "disk.img").mkdir(),
    "a link in the image's place": lambda folder: (folder / "disk.img").symlink_to("/dev/zero"),
    "a pipe in the image's place": lambda folder: os.mkfifo(folder / "disk.img"),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_whatever_else_is_there_is_data(look, make):
    make(look.folder)
    status, result = look()
    assert (status, result["reason"]) == (FINAL, "DestinationNotEmpty")
    assert FIELD in result["message"]


def test_how_many_others_there_are_is_said(look):
    for name in "abc":
        (look.folder / name).touch()
    assert "it has 'a' and 2 more;" in look()[1]["message"]


def test_what_cannot_be_looked_at_is_not_empty(look, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)
    status, result = look()
    assert (status, result["reason"]) == (FINAL, "DestinationNotReadable")


def test_a_read_error_is_tried_again(look, monkeypatch):
    look.image.write_bytes(bytes(MIB))

    def broken(descriptor, count, at):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    status, result = look()
    assert (status, result["reason"]) == (FAILED, "DestinationNotReadable")


def test_how_far_it_is_can_be_followed(look, capsys):
    look.image.write_bytes(bytes(3 * MIB))
    look()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {
        "bytesDone": MIB,
        "bytesTotal": 3 * MIB,
        "bytesPerSecond": told[0]["bytesPerSecond"],
    }
