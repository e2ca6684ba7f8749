"""A whole move, a cancel, and the death of libvirt in the middle, on real libvirt and QEMU."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.conftest import SIZE, Bench
from contract.launcher import VOLUME, wait_for
from detour_agent.adapters.identities import identity_of
from detour_agent.errors import StepFailed
from detour_crds.attachment_switch import Identity, Node, Order, Stage, Top

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


def writable(bench: Bench) -> set[Identity]:
    opened = bench.agent.ports.processes.opened(bench.guest)
    return {file.identity for file in opened if file.writable}


def test_inspection_accepts_a_plain_disk_and_changes_nothing(bench: Bench):
    node = until(bench, lambda node: node.inspection is not None, "inspection")
    assert node.inspection.reason == "Accepted"
    assert node.inspection.virtual_size_bytes == SIZE
    assert node.top is Top.SOURCE
    assert not (bench.folder / "agent").exists()


def test_the_source_is_flushed_at_its_path_and_nothing_else_is(bench: Bench):
    """It is not called frozen otherwise: see the agent's own tests."""
    mounts, volume = bench.agent.ports.mounts, bench.agent.switch.attached
    source = mounts.canonical_image(bench.guest, volume).identity
    mounts.flush(bench.guest, volume, source)
    another = Identity(device=source.device + 1, inode=source.inode)
    with pytest.raises(StepFailed, match="SourceNotAtPath"):
        mounts.flush(bench.guest, volume, another)


def test_move_to_the_destination(bench: Bench):
    source, destination = bench.source, bench.destination
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
    assert identity_of(destination.stat()) in writable(bench)
    assert identity_of(source.stat()) not in writable(bench)
    assert not list((bench.folder / "agent").rglob("*.qcow2"))
    private = bench.launcher.root / "run/kubevirt-private"
    assert not list(private.glob("detour-*"))


def test_cancel_with_the_mirror_ready_brings_every_write_back(bench: Bench):
    source, destination = bench.source, bench.destination
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


def test_a_smaller_destination_is_refused_and_the_move_cancelled(file_bench: Bench):
    file_bench.destination.write_bytes(b"\x11" * (SIZE // 2))
    reach(file_bench, Order.OVERLAY)
    file_bench.launcher.write(0x77, 0, 4 * KIB)
    file_bench.agent.order(Order.MIRRORED)
    node = until(file_bench, lambda node: node.last_error is not None, "an error")
    assert node.last_error.reason == "DestinationFailed"
    assert node.reached is Order.OVERLAY
    file_bench.agent.order(Order.DESTINATION)
    until(file_bench, lambda node: node.refused, "the refusal")
    reach(file_bench, Order.SOURCE)
    assert content(file_bench.source, 0, 4 * KIB) == b"\x77" * 4 * KIB


def test_a_larger_destination_keeps_the_size_of_the_guest(file_bench: Bench):
    destination = file_bench.destination
    with destination.open("ab") as file:
        file.write(b"\0" * SIZE)
    reach(file_bench, Order.OVERLAY)
    reach(file_bench, Order.MIRRORED)
    reach(file_bench, Order.DESTINATION)
    assert file_bench.connections[0].capacity() == SIZE


def test_qemu_killed_on_the_overlay_is_seen_to_be_gone(bench: Bench):
    reach(bench, Order.OVERLAY)
    os.kill(bench.guest.pid, 9)
    node = until(bench, lambda node: node.qemu == "Gone", "the guest gone")
    assert node.stage is Stage.OVERLAY
    assert node.reached is Order.OVERLAY
    assert node.stopped is None


def test_a_destination_that_is_a_link_is_refused(file_bench: Bench):
    image = file_bench.destination
    image.rename(image.with_name("real.img"))
    image.symlink_to("real.img")
    reach(file_bench, Order.OVERLAY)
    file_bench.agent.order(Order.MIRRORED)
    node = until(file_bench, lambda node: node.last_error is not None, "an error")
    assert node.last_error.reason == "DestinationFailed"
    assert node.top is Top.OVERLAY
    reach(file_bench, Order.SOURCE)


def test_a_device_is_a_node_of_the_launchers_own_and_keeps_its_owner(block_bench: Bench):
    node = block_bench.launcher.root / "dev" / VOLUME
    before = node.stat()
    reach(block_bench, Order.OVERLAY)
    reach(block_bench, Order.MIRRORED)
    after = node.stat()
    assert after.st_rdev == block_bench.destination.stat().st_rdev
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )
    reach(block_bench, Order.SOURCE)
    assert node.stat().st_rdev == block_bench.source.stat().st_rdev
    assert block_bench.connections[0].capacity() == SIZE


def test_a_larger_device_keeps_the_size_of_the_guest(block_bench: Bench):
    for order in (Order.OVERLAY, Order.MIRRORED, Order.DESTINATION):
        reach(block_bench, order)
    assert block_bench.connections[0].capacity() == SIZE
