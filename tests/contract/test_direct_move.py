"""QEMU itself copies the disk and is switched, without an overlay, on real libvirt and QEMU."""

import dataclasses
import os
import time
from pathlib import Path

import pytest

from contract.conftest import SIZE, Bench, assembled, filled, loop_device
from contract.launcher import VOLUME
from contract.test_live_move import content, reach, until, writable
from detour_agent.adapters import monitor_mirror
from detour_agent.adapters.identities import identity_of
from detour_crds.attachment_switch import MirrorSpec, Node, Order, Stage, Top
from detour_crds.names import QEMU_UID

KIB = 1024
MIB = 1024 * KIB
OLD = b"\xee"


def xml(bench: Bench) -> str:
    """The guest's live XML, without its one number that a libvirt counts up."""
    import libvirt

    connection = libvirt.open(bench.launcher.uri)
    try:
        return str(connection.listAllDomains()[0].XMLDesc(0))
    finally:
        connection.close()


def asks(bench: Bench, limit: str | None = None) -> Bench:
    """The same bench, with a switch that asks QEMU to copy."""
    agent = bench.agent
    agent.switch = dataclasses.replace(agent.switch, mirror=MirrorSpec(bandwidth_limit=limit))
    if not bench.launcher.block:
        folder = bench.destination.parent
        os.chown(folder, QEMU_UID, QEMU_UID)
        bench.destination.write_bytes(OLD * (SIZE // 2))
        os.chown(bench.destination, QEMU_UID, QEMU_UID)
    return bench


@pytest.fixture
def direct(bench: Bench) -> Bench:
    return asks(bench)


def images(bench: Bench) -> tuple[bytes, bytes]:
    return bench.source.read_bytes(), bench.destination.read_bytes()[:SIZE]


def written_to(bench: Bench) -> list[str]:
    """Which of the two images QEMU has open for writing."""
    ends = {"source": bench.source, "destination": bench.destination}
    opened = writable(bench)
    return [name for name, image in ends.items() if identity_of(image.stat()) in opened]


def left_behind(bench: Bench) -> list[str]:
    root = bench.launcher.root
    places = (root / "run/kubevirt-private", root / "dev")
    return [found.name for place in places for found in place.glob("detour-to-*")]


def test_inspection_accepts_a_plain_disk(direct: Bench):
    node = until(direct, lambda node: node.inspection is not None, "inspection")
    assert node.inspection.reason == "Accepted"
    assert node.inspection.virtual_size_bytes == SIZE


def test_move_to_the_destination(direct: Bench):
    before = xml(direct)
    node = reach(direct, Order.MIRRORED)
    assert node.stage is Stage.MIRROR
    assert node.top is Top.SOURCE
    assert node.merge.bytes_done == node.merge.bytes_total >= SIZE
    direct.launcher.write(0x22, 64 * KIB, 4 * KIB)
    direct.launcher.write(0x33, 128 * KIB, 512)
    source, destination = images(direct)
    assert source == destination
    assert source[64 * KIB : 68 * KIB] == b"\x22" * 4 * KIB
    node = reach(direct, Order.DESTINATION)
    assert node.stage is Stage.DONE
    assert node.last_error is None
    assert written_to(direct) == ["destination"]
    direct.launcher.write(0x44, 256 * KIB, 4 * KIB)
    assert content(direct.source, 256 * KIB, 4 * KIB) == b"\x11" * 4 * KIB
    assert content(direct.destination, 256 * KIB, 4 * KIB) == b"\x44" * 4 * KIB
    assert direct.launcher.read(0x22, 64 * KIB, 4 * KIB)
    assert xml(direct) == before, "the live XML is what KubeVirt made"
    assert left_behind(direct) == []


def test_cancel_with_the_copy_ready(direct: Bench):
    before = xml(direct)
    reach(direct, Order.MIRRORED)
    direct.launcher.write(0x55, 64 * KIB, 4 * KIB)
    node = reach(direct, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert written_to(direct) == ["source"]
    direct.launcher.write(0x66, 0, 4 * KIB)
    assert content(direct.source, 64 * KIB, 4 * KIB) == b"\x55" * 4 * KIB
    assert content(direct.source, 0, 4 * KIB) == b"\x66" * 4 * KIB
    assert content(direct.destination, 0, 4 * KIB) == b"\x11" * 4 * KIB
    assert xml(direct) == before
    assert left_behind(direct) == []


def refused(node: Node) -> str:
    return node.last_error.reason if node.last_error else ""


def test_a_qemu_that_lacks_a_command_opens_nothing(direct: Bench, monkeypatch):
    """As one will that has taken a deprecated command out; asked of a real one."""
    before = xml(direct)
    lacked = "block-job-cancel-gently"
    monkeypatch.setattr(monitor_mirror, "NEEDED", monitor_mirror.NEEDED | {lacked})
    direct.agent.order(Order.MIRRORED)
    node = until(direct, lambda node: refused(node) == "QemuTooNew", "the refusal")
    assert lacked in node.last_error.message
    node = until(direct, lambda node: refused(node) == "DestinationFailed", "giving it up")
    assert lacked in node.last_error.message
    assert written_to(direct) == ["source"]
    node = reach(direct, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    direct.launcher.write(0x67, 0, 4 * KIB)
    assert content(direct.source, 0, 4 * KIB) == b"\x67" * 4 * KIB
    assert xml(direct) == before
    assert left_behind(direct) == []


def test_cancel_amid_the_copy(bench: Bench):
    asks(bench, limit="1Mi")
    bench.agent.order(Order.MIRRORED)
    until(bench, lambda node: node.merge is not None, "the copy under way")
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert written_to(bench) == ["source"]
    assert set(content(bench.source, 0, SIZE)) == {0x11}
    assert left_behind(bench) == []


def test_the_limit_of_bandwidth_is_obeyed(bench: Bench):
    """From below: however slow the machine, it is no faster than it may be."""
    rate = 4 * MIB
    asks(bench, limit=str(rate))
    bench.agent.order(Order.MIRRORED)
    until(bench, lambda node: node.merge is not None, "the copy under way")
    began, first = time.monotonic(), bench.agent.switch.node.merge.bytes_done
    node = until(bench, lambda node: node.reached is Order.MIRRORED, "the copy done")
    took = time.monotonic() - began
    assert (node.merge.bytes_total - first) / took <= 1.1 * rate


def test_agent_and_daemon_killed_with_the_copy_ready(direct: Bench):
    reach(direct, Order.MIRRORED)
    direct.launcher.kill_daemon()
    direct.agent.restart()
    assert direct.agent.once().top is Top.UNKNOWN
    direct.launcher.restart_daemon(direct.guest)
    direct.connections.clear()
    direct.launcher.write(0x77, 64 * KIB, 4 * KIB)
    node = reach(direct, Order.DESTINATION)
    assert node.stage is Stage.DONE
    assert content(direct.destination, 64 * KIB, 4 * KIB) == b"\x77" * 4 * KIB
    direct.launcher.kill_daemon()
    direct.launcher.restart_daemon(direct.guest)
    direct.connections.clear()
    assert direct.agent.once().top is Top.DESTINATION


def test_another_move_follows(file_bench: Bench):
    """What libvirt knows of the disk is whole: it diverts the writes, and takes them back."""
    asks(file_bench)
    reach(file_bench, Order.MIRRORED)
    reach(file_bench, Order.DESTINATION)
    bench = file_bench
    compute = dataclasses.replace(
        bench.agent.switch.compute,
        token="22223333-1",  # noqa: S106
        order=Order.NONE,
    )
    bench.agent.switch = dataclasses.replace(
        bench.agent.switch,
        uid="22223333-3333-4444-5555-666677778888",
        compute=compute,
        node=Node(),
        mirror=None,
    )
    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x21, 64 * KIB, 4 * KIB)
    reach(bench, Order.SOURCE)
    assert content(bench.destination, 64 * KIB, 4 * KIB) == b"\x21" * 4 * KIB


def test_qemu_killed_while_it_copies_leaves_a_whole_source(direct: Bench):
    reach(direct, Order.MIRRORED)
    direct.launcher.write(0x23, 64 * KIB, 4 * KIB)
    os.kill(direct.guest.pid, 9)
    until(direct, lambda node: node.qemu == "Gone", "the guest gone")
    node = reach(direct, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(direct.source, 64 * KIB, 4 * KIB) == b"\x23" * 4 * KIB


def test_larger_sectors_are_found_out_by_qemu(tmp_path: Path, state: Path):
    """It keeps node and guest, and yet asks what it opens anew how it may be written to."""
    files = [filled(tmp_path / name, SIZE) for name in ("source", "destination")]
    with (
        loop_device(files[0]) as source,
        loop_device(files[1], "--sector-size=4096") as destination,
        assembled(tmp_path, source, destination, state) as made,
    ):
        asks(made)
        reach(made, Order.MIRRORED)
        made.launcher.write(0x25, 512, 512)
        reach(made, Order.DESTINATION)
        made.launcher.write(0x26, 1024, 512)
        expected = b"\x11" * 512 + b"\x25" * 512 + b"\x26" * 512 + b"\x11" * 512
        assert content(made.destination, 0, 2048) == expected


def test_a_larger_device_takes_the_disk(block_bench: Bench):
    asks(block_bench)
    reach(block_bench, Order.MIRRORED)
    block_bench.launcher.write(0x24, SIZE - 4 * KIB, 4 * KIB)
    reach(block_bench, Order.DESTINATION)
    node = block_bench.launcher.root / "dev" / VOLUME
    assert node.stat().st_rdev == block_bench.destination.stat().st_rdev
    assert content(block_bench.destination, SIZE - 4 * KIB, 4 * KIB) == b"\x24" * 4 * KIB
