"""A whole move, a cancel, and the death of libvirt in the middle, on real libvirt and QEMU."""

import os
from collections.abc import Callable
from pathlib import Path

from contract.conftest import SIZE, Bench
from contract.launcher import wait_for
from detour_crds.attachment_switch import Node, Order, Stage, Top

KIB = 1024


def until(bench: Bench, condition: Callable[[Node], object], what: str) -> Node:
    wait_for(lambda: condition(bench.agent.once()), what)
    return bench.agent.switch.node


def reach(bench: Bench, order: Order) -> Node:
    bench.agent.order(order)
    return until(bench, lambda node: node.reached is order, f"reached {order}")


def content(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def writable_inodes(bench: Bench) -> set[int]:
    opened = bench.agent.ports.processes.opened(bench.guest)
    return {file.identity.inode for file in opened if file.writable}


def test_inspection_accepts_a_plain_disk_and_changes_nothing(bench: Bench):
    node = until(bench, lambda node: node.inspection is not None, "inspection")
    assert node.inspection.reason == "Accepted"
    assert node.inspection.virtual_size_bytes == SIZE
    assert node.top is Top.SOURCE
    assert not (bench.folder / "agent").exists()


def test_move_to_the_destination(bench: Bench):
    source, destination = bench.source / "disk.img", bench.destination / "disk.img"
    node = reach(bench, Order.OVERLAY)
    assert node.pauses.start_milliseconds >= 1
    bench.launcher.write(0x22, 64 * KIB, 4 * KIB)
    assert set(content(source, 0, SIZE)) == {0x11}
    reach(bench, Order.MIRRORED)
    bench.launcher.write(0x33, 128 * KIB, 512)
    node = reach(bench, Order.DESTINATION)
    assert node.stage is Stage.DONE
    assert node.last_error is None
    until(bench, lambda node: node.overlay is None, "overlay removed")
    bench.launcher.write(0x44, 256 * KIB, 4 * KIB)
    assert set(content(source, 0, SIZE)) == {0x11}
    assert content(destination, 64 * KIB, 4 * KIB) == b"\x22" * 4 * KIB
    assert content(destination, 128 * KIB, 512) == b"\x33" * 512
    assert content(destination, 128 * KIB + 512, 512) == b"\x11" * 512
    assert content(destination, 256 * KIB, 4 * KIB) == b"\x44" * 4 * KIB
    assert os.stat(destination).st_ino in writable_inodes(bench)
    assert os.stat(source).st_ino not in writable_inodes(bench)
    assert not list((bench.folder / "agent").rglob("*.qcow2"))
    private = bench.launcher.root / "run/kubevirt-private"
    assert not list(private.glob("detour-*"))


def test_cancel_with_the_mirror_ready_brings_every_write_back(bench: Bench):
    source, destination = bench.source / "disk.img", bench.destination / "disk.img"
    reach(bench, Order.OVERLAY)
    reach(bench, Order.MIRRORED)
    bench.launcher.write(0x55, 64 * KIB, 4 * KIB)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert node.top is Top.SOURCE
    assert content(source, 64 * KIB, 4 * KIB) == b"\x55" * 4 * KIB
    bench.launcher.write(0x66, 0, 4 * KIB)
    assert content(source, 0, 4 * KIB) == b"\x66" * 4 * KIB
    assert content(destination, 0, 4 * KIB) == b"\x11" * 4 * KIB
    assert bench.launcher.read(0x55, 64 * KIB, 4 * KIB)
    until(bench, lambda node: node.overlay is None, "overlay removed")


def test_agent_and_daemon_killed_with_the_mirror_ready(bench: Bench):
    reach(bench, Order.OVERLAY)
    reach(bench, Order.MIRRORED)
    bench.launcher.kill_daemon()
    bench.agent.restart()
    assert bench.agent.once().top is Top.UNKNOWN
    bench.launcher.restart_daemon(bench.guest)
    bench.connections.clear()
    node = reach(bench, Order.DESTINATION)
    assert node.stage is Stage.DONE


def test_a_smaller_destination_is_refused_and_the_move_cancelled(bench: Bench):
    (bench.destination / "disk.img").write_bytes(b"\x11" * (SIZE // 2))
    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x77, 0, 4 * KIB)
    bench.agent.order(Order.MIRRORED)
    node = until(bench, lambda node: node.last_error is not None, "an error")
    assert node.last_error.reason == "DestinationFailed"
    assert node.reached is Order.OVERLAY
    bench.agent.order(Order.DESTINATION)
    until(bench, lambda node: node.refused, "the refusal")
    reach(bench, Order.SOURCE)
    assert content(bench.source / "disk.img", 0, 4 * KIB) == b"\x77" * 4 * KIB


def test_a_larger_destination_keeps_the_size_of_the_guest(bench: Bench):
    destination = bench.destination / "disk.img"
    with destination.open("ab") as file:
        file.write(b"\0" * SIZE)
    reach(bench, Order.OVERLAY)
    reach(bench, Order.MIRRORED)
    reach(bench, Order.DESTINATION)
    assert bench.connections[0].capacity() == SIZE


def test_qemu_killed_on_the_overlay_is_seen_to_be_gone(bench: Bench):
    reach(bench, Order.OVERLAY)
    os.kill(bench.guest.pid, 9)
    node = until(bench, lambda node: node.qemu == "Gone", "the guest gone")
    assert node.stage is Stage.OVERLAY
    assert node.reached is Order.OVERLAY
    assert node.stopped is None


def test_a_destination_that_is_a_link_is_refused(bench: Bench):
    image = bench.destination / "disk.img"
    image.rename(bench.destination / "real.img")
    image.symlink_to("real.img")
    reach(bench, Order.OVERLAY)
    bench.agent.order(Order.MIRRORED)
    node = until(bench, lambda node: node.last_error is not None, "an error")
    assert node.last_error.reason == "DestinationFailed"
    assert node.top is Top.OVERLAY
    reach(bench, Order.SOURCE)
