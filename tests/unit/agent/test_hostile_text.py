"""What others write and the agent reads: nothing but the documented errors comes of it."""

import dataclasses
import json
import os
import socket
import string
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detour_agent.adapters import overlay_header
from detour_agent.adapters.domain_xml import copy_xml, read_disk, snapshot_xml
from detour_agent.adapters.journal_files import MOST_BYTES, NAME, JournalFiles
from detour_agent.adapters.monitor import NONSENSE, file_name, read_monitor
from detour_agent.adapters.offline_images import _range
from detour_agent.domain.chain import Disk
from detour_agent.domain.journal import Record, UnreadableJournalError, decode, encode
from detour_agent.domain.ports import CopyTarget
from detour_agent.domain.throttle import tune
from detour_agent.errors import InvariantBroken, StepFailed
from detour_crds.attachment_switch import Identity, Stage
from unit.hostile import MANY, json_values

ALIAS = "ua-root"
ELEMENTS = (
    "domain", "devices", "disk", "alias", "target", "source", "driver", "backingStore", "mirror",
    "format", "shareable", "readonly", "dataStore",
)  # fmt: skip
ATTRIBUTES = ("name", "dev", "file", "type", "device", "job", "ready", "cache", "bus")
VALUES = (ALIAS, "vda", "vdb", "", "/a", "qcow2", "a&b", "<a>", '"', "'", "é\u202e\U0001f4be")
PIECES = (
    "<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "&lol;", "&#0;", "&#xD800;", "\0",
    "<!DOCTYPE d>", "<!doctype d>", "<!ENTITY a 'b'>", "<?xml version='1.0' encoding='utf-16'?>",
    "<?xml version='1.1'?>", "<?a b?>", "\ud800", "\ufeff", "xmlns:a='b'", "a:b", " ", "=", "'",
)  # fmt: skip


def elements():
    """Trees of what libvirt uses, in any order."""
    quoted = st.sampled_from(VALUES).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    )
    attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), quoted, max_size=3)

    def element(inner):
        return st.tuples(st.sampled_from(ELEMENTS), attributes, inner).map(
            lambda parts: (
                f"<{parts[0]}"
                + "".join(f" {name}='{value}'" for name, value in parts[1].items())
                + f">{parts[2]}</{parts[0]}>"
            )
        )

    inside = st.recursive(
        st.just(""), lambda inner: element(st.lists(inner, max_size=3).map("".join)), max_leaves=8
    )
    return st.lists(inside, max_size=5).map("".join)


def documents():
    """A domain with a disk of ours, and anything beside and in it; cut and spoiled at times."""
    whole = st.tuples(elements(), elements()).map(
        lambda parts: (
            f"<domain><devices>{parts[0]}<disk type='file'>{parts[1]}<target dev='vda'/>"
            f"<alias name='{ALIAS}'/></disk></devices></domain>"
        )
    )
    spoiled = st.tuples(whole, st.integers(0, 400), st.sampled_from(PIECES)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    )
    cut = st.tuples(whole, st.integers(0, 400)).map(lambda parts: parts[0][: parts[1]])
    return st.one_of(whole, spoiled, cut, st.text(max_size=200))


@pytest.mark.thorough
def test_a_domain_s_xml_is_read_or_refused():
    @MANY
    @given(documents())
    def holds(xml):
        try:
            disk = read_disk(xml, ALIAS)
        except ValueError:
            return
        assert disk is None or (disk.target and ALIAS in xml)
        assert "<!DOCTYPE" not in xml
        if disk is not None:
            target = CopyTarget(path="/d", block=False, size_bytes=2, virtual_size_bytes=1)
            assert read_back(snapshot_xml(disk, "/o"))
            assert read_back(copy_xml(disk, target))

    holds()


def read_back(xml: str) -> bool:
    """Whether what is handed to libvirt is well-formed, whatever it was made from."""
    return read_disk(xml, ALIAS) is None


@pytest.mark.parametrize("depth", [1000, 50_000])
def test_xml_is_read_however_deep_it_is(depth):
    xml = f"<domain>{'<a>' * depth}{'</a>' * depth}</domain>"
    assert read_disk(xml, ALIAS) is None


def test_xml_does_not_say_how_it_is_encoded():
    inner = f"<devices><disk><target dev='vda'/><alias name='{ALIAS}'/></disk></devices>"
    xml = f"<?xml version='1.0' encoding='utf-16'?><domain>{inner}</domain>"
    assert isinstance(read_disk(xml, ALIAS), Disk)


HEADERS = st.fixed_dictionaries(
    {
        "magic": st.just(0x514649FB) | st.integers(0, 2**32 - 1),
        "version": st.just(3) | st.integers(0, 5),
        "size": st.just(4096) | st.integers(0, 2**64 - 1),
        "encryption": st.just(0) | st.integers(0, 3),
        "snapshots": st.just(0) | st.integers(0, 2**32 - 1),
        "features": st.sampled_from((0, 1, 2, 16, 19, 4, 8, 2**63)) | st.integers(0, 2**64 - 1),
        "rest": st.binary(min_size=24, max_size=24),
        "length": st.just(200) | st.integers(0, 120),
    }
)


@pytest.mark.thorough
def test_an_overlay_is_taken_for_ours_only_if_it_is(tmp_path):
    file = tmp_path / "overlay"

    @MANY
    @given(HEADERS)
    def holds(head):
        rest = head["rest"]
        content = struct.pack(
            ">II16sQI24sI8sQ24s", head["magic"], head["version"], rest[:16], head["size"],
            head["encryption"], rest, head["snapshots"], rest[:8], head["features"], rest,
        ).ljust(200)  # fmt: skip
        file.write_bytes(content[: head["length"]])
        with file.open("rb") as opened:
            found = overlay_header.foreign(opened.fileno(), 4096)
        ours = (
            head["magic"] == 0x514649FB
            and head["version"] == 3
            and head["size"] == 4096
            and head["encryption"] == head["snapshots"] == 0
            and head["features"] in {a + b + c for a in (0, 1) for b in (0, 2) for c in (0, 16)}
            and head["length"] >= 104
        )
        assert (found is None) is ours, found

    holds()


RECORDS = st.builds(
    Record,
    switch_uid=st.text(min_size=1, max_size=36),
    namespace=st.text(),
    name=st.text(),
    token=st.text(),
    volume=st.text(),
    domain=st.text(),
    version=st.just(1),
    stage=st.sampled_from(Stage),
    overlays=st.lists(st.text(), max_size=4).map(tuple),
    tried=st.integers(),
    source=st.none()
    | st.builds(Identity, device=st.integers(), inode=st.integers(-(2**63), 2**63 - 1)),
    destination=st.none(),
    tune_before=st.none() | st.dictionaries(st.text(), st.integers(), max_size=3).map(tune),
)
FIELDS = ("version", "switchUid", "namespace", "name", "token", "volume", "domain", "stage",
          "overlays", "tried", "healing", "source", "device", "inode", "tuneBefore",
          "value")  # fmt: skip


@pytest.mark.thorough
def test_a_journal_is_read_as_it_was_written():
    @MANY
    @given(RECORDS)
    def holds(record):
        assert decode(encode(record)) == record

    holds()


@pytest.mark.thorough
def test_what_is_no_journal_is_unreadable():
    whole = json.loads(encode(dataclasses.replace(RECORD, source=Identity(device=1, inode=2))))

    @MANY
    @given(st.sampled_from(sorted(whole)), json_values(FIELDS), json_values(FIELDS), st.text())
    def holds(field, value, other, text):
        for told in (json.dumps({**whole, field: value}), json.dumps(other), text):
            try:
                record = decode(told)
            except UnreadableJournalError:
                continue
            assert decode(encode(record)) == record
            assert record.version == 1
            assert isinstance(record.stage, Stage)

    holds()


RECORD = Record(
    switch_uid="u-1", namespace="n", name="m", token="t", volume="v", domain="d",  # noqa: S106
    stage=Stage.START,
)  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "\ud800"])
def test_json_that_cannot_be_read_is_no_journal(text):
    with pytest.raises(UnreadableJournalError):
        decode(text)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


IN_ITS_PLACE = {
    "a pipe": pipe,
    "a socket": a_socket,
    "a folder": Path.mkdir,
    "a link to a file": lambda path: path.symlink_to("/etc/hostname"),
    "a link to a journal": lambda path: path.symlink_to(journal_elsewhere(path)),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "more than a record": lambda path: path.write_text(encode(RECORD) + " " * MOST_BYTES),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
}


def journal_elsewhere(path: Path) -> Path:
    other = path.parent / "other.json"
    other.write_text(encode(RECORD))
    return other


@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_what_a_tenant_puts_in_a_journal_s_place_is_unreadable_and_not_absent(
    what, tmp_path, monkeypatch
):
    folder = tmp_path / "switches" / RECORD.switch_uid
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)  # a socket's path may not be long
    IN_ITS_PLACE[what](Path(NAME))
    with pytest.raises(InvariantBroken) as raised:
        JournalFiles(tmp_path).read(RECORD.switch_uid)
    assert raised.value.reason == "JournalUnreadable"


MONITOR = ("qdev", "inserted", "node-name", "file", "drv", "ro", "device", "ready", "status",
           "io-status", "offset", "len", "filename", "driver")  # fmt: skip


@pytest.mark.thorough
def test_an_answer_of_qemu_is_read_or_nonsense():
    answers = st.lists(json_values(MONITOR), max_size=3)
    ours = st.fixed_dictionaries({"qdev": st.just(ALIAS), "inserted": json_values(MONITOR)})

    @MANY
    @given(answers | st.lists(ours, min_size=1, max_size=2), answers, answers)
    def holds(devices, nodes, jobs):
        try:
            found = read_monitor(ALIAS, devices, nodes, jobs)
        except NONSENSE:
            return
        if found is not None:
            assert isinstance(found.top.name, str)
            assert isinstance(found.top.read_only, bool)
            assert all(type(job.done) is int and type(job.total) is int for job in found.jobs)

    holds()


@pytest.mark.thorough
def test_a_node_s_file_has_a_name():
    @MANY
    @given(st.text() | json_values(("file", "filename")).map(lambda v: "json:" + json.dumps(v)))
    def holds(text):
        assert isinstance(file_name(text), str)

    holds()
    assert file_name("json:" + "[" * 100_000).startswith("json:")


RANGE = ("start", "length", "offset", "present", "data", "zero", "depth")


@pytest.mark.thorough
def test_a_range_of_qemu_img_is_one_or_the_overlay_is_unreadable():
    ranges = st.fixed_dictionaries(
        {"start": st.integers(), "length": st.integers(), "present": st.booleans(),
         "data": st.booleans() | st.integers(0, 1)},
        optional={"offset": st.integers() | st.none(), "depth": st.integers()},
    )  # fmt: skip
    told = (json_values(RANGE) | ranges).map(json.dumps) | st.text(alphabet=string.printable)
    around = st.sampled_from(("[{}", "{},", "{}]", " {}\n", "[", "]"))

    @MANY
    @given(told, around)
    def holds(text, form):
        try:
            found = _range(form.replace("{}", text))
        except StepFailed as error:
            assert error.reason == "OverlayUnreadable"
            return
        if found is not None:
            assert found["start"] >= 0
            assert found["length"] >= 0
            assert found["present"] in (True, False)
            assert found["data"] in (True, False)

    holds()


@pytest.mark.parametrize("line", ["[" * 100_000, "5", '"a"', "[[]]", '{"present": true}'])
def test_what_is_no_range(line):
    with pytest.raises(StepFailed, match="OverlayUnreadable"):
        _range(line)
