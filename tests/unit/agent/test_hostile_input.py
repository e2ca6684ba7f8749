"""What a tenant, a guest that broke out, or a libvirt that lies may put before the agent."""

import os
import socket
import struct
import sys
import tracemalloc
from pathlib import Path

import pytest

from detour_agent.adapters import overlay_header
from detour_agent.adapters.domain_xml import MOST_CHARACTERS, read_disk
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.monitor import read_monitor
from detour_agent.adapters.mounts import NodeMounts
from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.process import FILES, lines, run
from detour_agent.domain.ports import Process
from detour_agent.errors import Unreachable
from detour_agent.privileged import child
from detour_agent.privileged.errors import NotSoError

DISK = (
    "<domain>{}<devices><disk type='file'><target dev='vda'/><alias name='ua-root'/></disk>"
    "</devices></domain>"
)
ENTITIES = (
    "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
    + "]>"
)
OUTSIDE = "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"


def test_a_domain_s_xml():
    assert read_disk(DISK.format(""), "ua-root").target == "vda"


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (ENTITIES + DISK.format("&j;"), "document type"),
        (OUTSIDE + DISK.format("&a;"), "document type"),
        ("<!DOCTYPE d>" + DISK.format(""), "document type"),
        (DISK.format("<!-- " + "x" * MOST_CHARACTERS + " -->"), "characters"),
        (DISK.format("&lol;"), "undefined entity"),
        ("<domain>", "no element"),
        ("", "no element"),
        ("\0", "unclosed token"),
        ("<domain><devices><disk><alias name='ua-root'/></disk></devices></domain>", "no target"),
    ],
    ids=lambda value: value[:20] if value.isprintable() else "nul",
)
def test_xml_that_libvirt_does_not_write_is_not_read(xml, why):
    with pytest.raises(ValueError, match=why):
        read_disk(xml, "ua-root")


def test_deep_xml_is_read_as_any_other():
    deep = "<backingStore><source file='x'/>" * 5000 + "</backingStore>" * 5000
    disk = read_disk(DISK.format("").replace("<target", deep + "<target"), "ua-root")
    assert len(disk.layers) == 5001


@pytest.mark.parametrize(
    ("devices", "nodes", "jobs"),
    [
        ([], [], []),
        ([{}], [{}], [{}]),
        ([{"qdev": 7, "inserted": {}}], [{"file": ["a"]}], [{"status": None}]),
        ([{"qdev": "ua-root", "inserted": {"file": "json:[" * 99}}], [], []),
    ],
)
def test_answers_of_qemu_with_parts_missing_or_of_another_kind(devices, nodes, jobs):
    found = read_monitor("ua-root", devices, nodes, jobs)
    assert found is None or found.jobs == ()


# Overlays: their header is QEMU's to write.


def header(**changed: int) -> bytes:
    """As ``qemu-img create`` of ``create_command`` makes it, with something changed."""
    fields = {
        "magic": 0x514649FB, "version": 3, "backing_at": 0x250, "backing_length": 9,
        "cluster_bits": 17, "size": 4096, "encryption": 0, "l1_size": 1, "l1_at": 0x60000,
        "refcounts_at": 0x20000, "refcount_clusters": 1, "snapshots": 0, "snapshots_at": 0,
        "incompatible": 0x10, "compatible": 0, "autoclear": 0, "refcount_order": 4, "length": 112,
    } | changed  # fmt: skip
    return struct.pack(">IIQIIQIIQQIIQQQQII", *fields.values()) + bytes(8)


def judged(tmp_path: Path, content: bytes, size: int | None = 4096) -> str | None:
    file = tmp_path / "overlay"
    file.write_bytes(content)
    with file.open("rb") as opened:
        return overlay_header.foreign(opened.fileno(), size)


@pytest.mark.parametrize("changed", [{}, {"incompatible": 0x11}, {"incompatible": 0x12}])
def test_an_overlay_of_detour_s(tmp_path, changed):
    assert judged(tmp_path, header(**changed)) is None
    assert judged(tmp_path, header(**changed, size=1 << 40), size=None) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"magic": 0x514649FC}, "no qcow2"),
        ({"version": 2}, "version 2"),
        ({"incompatible": 0x14}, "features 0x14"),
        ({"incompatible": 0x18}, "features 0x18"),
        ({"incompatible": 1 << 63}, "features 0x8000000000000000"),
        ({"encryption": 2}, "encrypted"),
        ({"snapshots": 1}, "snapshots"),
        ({"size": 4097}, "4097 bytes, not 4096"),
    ],
)
def test_an_overlay_that_was_made_another_is_not_opened_by_its_format(tmp_path, changed, why):
    assert why in judged(tmp_path, header(**changed))


@pytest.mark.parametrize("length", [0, 3, 4, 103])
def test_an_overlay_that_was_cut_off_is_none(tmp_path, length):
    assert judged(tmp_path, header()[:length]) == "it is no qcow2 image"


# Places of images.


def myself() -> Process:
    return Process(os.getpid(), start_time(Path("/proc/self")))


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


KINDS = {
    "a link to a file": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to a device": lambda path: path.symlink_to("/dev/null"),
    "a pipe": os.mkfifo,
    "a socket": a_socket,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_image_is_not_taken_for_one(tmp_path, monkeypatch, kind, block):
    monkeypatch.chdir(tmp_path)
    KINDS[kind](Path("disk.img"))
    mounts = NodeMounts(OverlayFiles(tmp_path / "state"))
    path = f"{tmp_path}/disk.img" if block else str(tmp_path)
    assert mounts.finisher_image(myself(), path, block=block).regular is False


def test_a_character_device_is_no_image_and_is_not_opened_to_find_out(tmp_path, monkeypatch):
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: opened.append(str(path)) or real(path, *a, **k)
    )
    mounts = NodeMounts(OverlayFiles(tmp_path / "state"))
    assert mounts.finisher_image(myself(), "/dev/null", block=True).regular is False
    assert [path for path in opened if path.endswith("null")] == []


def test_a_file_where_a_device_should_be_is_none(tmp_path):
    (tmp_path / "disk.img").touch()
    mounts = NodeMounts(OverlayFiles(tmp_path / "state"))
    assert mounts.finisher_image(myself(), f"{tmp_path}/disk.img", block=True).regular is False
    assert mounts.finisher_image(myself(), str(tmp_path), block=False).regular is True


@pytest.mark.parametrize("name", ["../root", "..", ".", "", "a/b", "/etc", ".hidden", "a\0b"])
@pytest.mark.parametrize("key", ["volume", "name"])
@pytest.mark.parametrize("operation", child.OPERATIONS)
def test_the_privileged_child_takes_no_name_that_leads_elsewhere(operation, key, name):
    """The API server refuses such names, too: this is for when it was talked into one."""
    with pytest.raises(NotSoError) as refused:
        child.carry_out({"operation": operation, key: name})
    assert refused.value.reason == "NameNotPlain"


# Child processes.


def test_a_child_has_limits():
    told = run(["sh", "-c", "ulimit -n; ulimit -v; ulimit -t; ulimit -c"], timeout_seconds=7)
    assert told.output.split() == [str(FILES), str(2 << 20), "7", "0"]


def test_a_child_that_says_more_than_memory_holds_is_read_line_by_line():
    script = "import sys\nfor n in range(200000): sys.stdout.write('x' * 99 + '\\n')"
    tracemalloc.start()
    try:
        with lines([sys.executable, "-c", script], timeout_seconds=600) as read:
            assert sum(len(line) for line in read) == 20_000_000
            assert read.finish().exit_code == 0
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_child_whose_lines_nobody_wants_any_more_is_gone():
    with lines(["yes"]) as read:
        assert next(iter(read)) == "y\n"
        child_of_ours = read.pid
    assert not Path("/proc", str(child_of_ours)).exists()


def test_a_child_that_says_nothing_is_killed_after_its_time():
    with lines(["sleep", "1000"], timeout_seconds=0.2) as read:
        assert list(read) == []
        with pytest.raises(Unreachable, match="ChildTimedOut"):
            read.finish()


def test_a_child_that_fails_says_why():
    with lines(["sh", "-c", "echo one; echo two >&2; exit 3"]) as read:
        assert list(read) == ["one\n"]
        assert (read.finish().exit_code, read.finish().errors) == (3, "two\n")
