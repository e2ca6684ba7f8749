"""Every call that has QEMU open an image names its format: what a guest wrote is never probed."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detour_agent.adapters.domain_xml import copy_xml, snapshot_xml
from detour_agent.adapters.images import create_command
from detour_agent.adapters.monitor_mirror import begin
from detour_agent.adapters.offline_images import _disk, _node, _over
from detour_agent.domain.chain import Disk, Layer, MonitorNode
from detour_agent.domain.ports import CopyTarget, ImageFile, OfflineMerge, OverlayImage, Process
from detour_copier import qemu_img
from detour_crds.attachment_switch import Identity

ROOT = Path(__file__).parents[3]
PROGRAMS = {
    "node-agent/detour_agent/adapters/images.py:create_command": {"create"},
    "node-agent/detour_agent/adapters/offline_images.py:merge": {"commit"},
    "node-agent/detour_agent/adapters/offline_images.py:identical": {"compare"},
    "node-agent/detour_agent/adapters/offline_images.py:_allocated": {"map"},
    "copier/detour_copier/qemu_img.py:command": {"convert"},
}
"""Every place that names one of QEMU's programs in a command line, and what it has it do."""
COMMANDS = {
    "node-agent/detour_agent/adapters/libvirt_domain.py:snapshot": "snapshotCreateXML",
    "node-agent/detour_agent/adapters/libvirt_domain.py:copy": "blockCopy",
    "node-agent/detour_agent/adapters/libvirt_domain.py:commit": "blockCommit",
    "node-agent/detour_agent/adapters/monitor_mirror.py:begin": "blockdev-add",
    "node-agent/detour_agent/adapters/monitor_mirror.py:_opens_anew": "blockdev-reopen",
    "node-agent/detour_agent/adapters/libvirt_domain.py:monitor_commit": "block-commit",
}
"""Every place that has a running QEMU open an image, or write to one that is open."""
OPENING = {
    "snapshotCreateXML", "blockCopy", "blockRebase", "blockCommit", "blockPull", "attachDevice",
    "attachDeviceFlags", "updateDeviceFlags", "changeMedia", "backupBegin", "blockdev-add",
    "blockdev-reopen", "blockdev-create", "blockdev-change-medium", "blockdev-snapshot-sync",
    "drive-mirror", "drive-backup", "change-backing-file", "block-commit", "block-stream",
    "human-monitor-command", "nbd-server-add", "block-export-add",
}  # fmt: skip


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for part in ("node-agent", "copier", "operator"):
        for path in sorted((ROOT / part).rglob("*.py")):
            where = path.relative_to(ROOT)
            for node in ast.walk(ast.parse(path.read_text())):
                # One inside of another function is part of that.
                if isinstance(node, ast.FunctionDef) and node.name != "call":
                    yield f"{where}:{node.name}", node


@pytest.mark.thorough
def test_every_call_of_a_program_of_qemu_s_is_known():
    found: dict[str, set[str]] = {}
    for name, function in functions():
        for node in ast.walk(function):
            if isinstance(node, ast.List | ast.Tuple) and node.elts:
                words = [item.value for item in node.elts if isinstance(item, ast.Constant)]
                if words and str(words[0]).startswith("qemu-"):
                    found.setdefault(name, set()).add(str(words[1]))
    assert found == PROGRAMS


@pytest.mark.thorough
def test_every_command_that_has_qemu_open_an_image_is_known():
    found = {}
    for name, function in functions():
        for node in ast.walk(function):
            word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            if isinstance(word, str) and word in OPENING:
                found[name] = word
    assert found == COMMANDS


MERGE = OfflineMerge(
    switch_uid="u", overlay="o", finisher=Process(1, 1), path="/p",
    image=ImageFile(Identity(device=1, inode=1), 4096), virtual_size_bytes=4096,
)  # fmt: skip


def told(node: str) -> dict:
    assert node.startswith("json:"), "qemu-img would guess"
    return json.loads(node.removeprefix("json:"))


def formats(node: dict) -> list[str]:
    """Drivers of a node and what is below it; each must say."""
    below = [node[key] for key in ("file", "backing") if node.get(key) is not None]
    return [node["driver"], *(driver for child in below for driver in formats(child))]


def test_what_is_merged_and_compared_is_named_down_to_the_file():
    assert formats(told(_over(5, 6, False))) == ["qcow2", "file", "raw", "file"]
    assert formats(told(_over(5, 6, True))) == ["qcow2", "file", "raw", "host_device"]
    assert formats(told(_disk(6, MERGE))) == ["raw", "file"]


def test_an_overlay_alone_is_read_without_the_backing_file_it_names():
    node = told(_node(5, None))
    assert formats(node) == ["qcow2", "file"]
    assert node["backing"] is None


def test_an_overlay_is_made_with_both_formats_and_without_a_look_at_the_source():
    command = create_command(Path("/o"), OverlayImage("/s", 4096))
    assert command[command.index("-f") + 1] == "qcow2"
    assert command[command.index("-F") + 1] == "raw"
    assert "-u" in command


@pytest.mark.parametrize("driver", ["file", "host_device"])
def test_the_copier_s_images_are_raw_on_both_ends(driver):
    sides = [qemu_img.Side(Path(path), driver, direct=True) for path in ("/s", "/d")]
    command = qemu_img.command(*sides, size=1)
    assert {"--image-opts", "--target-image-opts", "-n"} <= set(command)
    for image in command[-2:]:
        assert image.startswith("driver=raw,")
        assert f"file.driver={driver}," in image


def test_a_name_of_a_file_is_no_option():
    sides = [qemu_img.Side(Path(path), "file", direct=True) for path in ("/s,driver=qcow2", "/d")]
    command = qemu_img.command(*sides, size=1)
    assert command[-2].endswith("file.filename=/s,,driver=qcow2")


DISK = Disk(
    target="vda", kind="file", device="disk", layers=(Layer("/s", "raw"),), driver=(),
    mirror=None, shareable=False, read_only=False, has_data_store=False, other_targets=("vdb",),
)  # fmt: skip


@pytest.mark.parametrize("block", [False, True])
def test_libvirt_and_qemu_are_told_the_formats(block):
    target = CopyTarget(path="/d", size_bytes=4096, virtual_size_bytes=4096, block=block)
    assert '<driver type="qcow2" />' in snapshot_xml(DISK, "/o")
    assert '<driver name="qemu" type="raw" />' in copy_xml(DISK, target)
    top = MonitorNode(name="n", file="/s", driver="file", read_only=False)
    for command, arguments in begin(DISK, top, target, None):
        options = [arguments, *arguments.get("options", [])]
        if command == "blockdev-add":
            assert "driver" in arguments
        if command == "blockdev-reopen":
            assert all("driver" in item for item in options[1:])
