"""The journal: what is written is read back, and what cannot be read is not missing."""

import dataclasses
import errno
import json
from pathlib import Path

import pytest

from detour_agent.adapters import files
from detour_agent.adapters.files import plain_name
from detour_agent.adapters.journal_files import JournalFiles
from detour_agent.domain.journal import (
    Record,
    UnreadableJournalError,
    decode,
    encode,
    overlay_handed,
    start_tries_left,
    with_next_overlay,
)
from detour_agent.errors import InvariantBroken
from detour_crds.attachment_switch import Identity, Stage

UID = "11112222-3333-4444-5555-666677778888"
RECORD = Record(
    switch_uid=UID,
    namespace="ns",
    name="move",
    token="11112222-1",  # noqa: S106
    volume="root",
    domain="ns_vm",
    stage=Stage.MIRROR,
    overlays=("overlay-11112222-1-1.qcow2",),
    tried=1,
    source=Identity(device=1, inode=2),
    destination=Identity(device=3, inode=2),
    virtual_size_bytes=1 << 30,
)


def test_round_trip():
    assert decode(encode(RECORD)) == RECORD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a journal"),
        (encode(RECORD).replace('"version": 1', '"version": 2'), "not a journal"),
        (encode(RECORD).replace('"stage": "mirror"', '"stage": "later"'), "not a complete"),
        (encode(RECORD).replace('"token": "11112222-1",', ""), "not a complete"),
        (encode(RECORD).replace('"tried": 1', '"tried": "1"'), "not a complete"),
    ],
)
def test_unreadable(text, why):
    with pytest.raises(UnreadableJournalError, match=why):
        decode(text)


def test_each_try_gets_a_name_that_libvirt_has_not_seen():
    fresh = dataclasses.replace(RECORD, overlays=(), tried=0)
    first = with_next_overlay(fresh, 1)
    assert first.overlays == ("overlay-11112222-1-1.qcow2",)
    assert with_next_overlay(first, 1) is first
    second = with_next_overlay(dataclasses.replace(first, tried=1), 1)
    assert second.overlays[1] == "overlay-11112222-1-2.qcow2"
    undone = dataclasses.replace(second, tried=2, overlays=())
    assert with_next_overlay(undone, 1).overlays == ("overlay-11112222-1-3.qcow2",)
    assert with_next_overlay(fresh, 2).overlays == ("overlay-11112222-2-1.qcow2",)


def test_a_name_counts_as_handed_out_once_its_try_is_journalled():
    listed = with_next_overlay(dataclasses.replace(RECORD, overlays=(), tried=0), 1)
    assert not overlay_handed(listed)
    assert overlay_handed(dataclasses.replace(listed, tried=1))
    assert overlay_handed(with_next_overlay(dataclasses.replace(listed, tried=1), 1))
    undone = dataclasses.replace(listed, tried=1, overlays=())
    assert not overlay_handed(undone)
    assert not overlay_handed(with_next_overlay(undone, 1))


def test_three_tries():
    tries = [start_tries_left(dataclasses.replace(RECORD, tried=tried)) for tried in range(4)]
    assert tries == [True, True, True, False]


def test_files(tmp_path: Path):
    store = JournalFiles(tmp_path)
    assert store.read(UID) is None
    store.write(RECORD)
    assert store.read(UID) == RECORD
    later = dataclasses.replace(RECORD, stage=Stage.PIVOT)
    store.write(later)
    assert store.read(UID) == later
    file = tmp_path / "switches" / UID / "journal.json"
    assert json.loads(file.read_text())["stage"] == "pivot"
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in file.parent.iterdir()} == {"journal.json", ".journal.json.new"}


def test_a_record_is_written_over_the_file_before_the_last_one(tmp_path: Path):
    """So that it needs no free space, except for the first one."""
    store = JournalFiles(tmp_path)
    store.write(RECORD)
    folder = tmp_path / "switches" / UID
    there = {(path.stat().st_ino, path.stat().st_size) for path in folder.iterdir()}
    for stage in Stage:
        store.write(dataclasses.replace(RECORD, stage=stage))
        assert store.read(UID).stage is stage
        assert {(path.stat().st_ino, path.stat().st_size) for path in folder.iterdir()} == there


def test_a_file_system_that_cannot_exchange_names(tmp_path: Path, monkeypatch):
    def cannot(_one: str, _other: str) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(files, "exchange_names", cannot)
    store = JournalFiles(tmp_path)
    for stage in Stage:
        store.write(dataclasses.replace(RECORD, stage=stage))
        assert store.read(UID).stage is stage


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}"])
def test_a_file_that_cannot_be_read_stops(tmp_path: Path, content: bytes):
    store = JournalFiles(tmp_path)
    store.write(RECORD)
    (tmp_path / "switches" / UID / "journal.json").write_bytes(content)
    with pytest.raises(InvariantBroken) as stopped:
        store.read(UID)
    assert stopped.value.reason == "JournalUnreadable"


def test_a_disk_that_takes_no_record_stops(tmp_path: Path):
    (tmp_path / "switches").write_bytes(b"")
    with pytest.raises(InvariantBroken) as stopped:
        JournalFiles(tmp_path).write(RECORD)
    assert stopped.value.reason == "JournalNotWritten"


def test_a_journal_of_another_switch_stops(tmp_path: Path):
    store = JournalFiles(tmp_path)
    store.write(dataclasses.replace(RECORD, switch_uid="other"))
    (tmp_path / "switches" / "other").rename(tmp_path / "switches" / UID)
    with pytest.raises(InvariantBroken, match="of switch other"):
        store.read(UID)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b"])
def test_names_stay_in_their_directory(name: str):
    with pytest.raises(InvariantBroken):
        plain_name(name)
