"""libvirt's XML says one thing and QEMU runs on another: what a daemon killed in a call leaves."""

import json

import pytest

from contract.conftest import SIZE, Bench
from contract.launcher import DOMAIN
from contract.test_live_move import KIB, content, reach, until
from detour_agent.errors import Unreachable
from detour_agent.steps import inspect
from detour_crds.attachment_switch import Order, Stage, Top


@pytest.fixture(autouse=True)
def _settle_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "SETTLE_SECONDS", 0.2)


def monitor(bench: Bench, command: str, **arguments: object) -> object:
    import libvirt
    import libvirt_qemu

    connection = libvirt.open(bench.launcher.uri)
    try:
        domain = connection.lookupByName(DOMAIN)
        request = json.dumps({"execute": command, "arguments": arguments})
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, request, 0))
        assert "error" not in answer, answer
        return answer["return"]
    finally:
        connection.close()


def top_node(bench: Bench) -> str:
    return str(monitor(bench, "query-block")[0]["inserted"]["node-name"])


def lose_the_start(bench: Bench) -> None:
    """The next snapshot is made by QEMU, with libvirt's node names, unknown to libvirt."""
    bench.agent.once()
    domain = bench.connections[0]
    real = domain.snapshot

    def snapshot(overlay: str) -> None:
        domain.snapshot = real
        source = top_node(bench)
        file = {"driver": "file", "filename": overlay, "node-name": "libvirt-2-storage"}
        monitor(bench, "blockdev-add", **file)
        monitor(
            bench,
            "blockdev-add",
            **{
                "driver": "qcow2",
                "file": "libvirt-2-storage",
                "node-name": "libvirt-2-format",
                "backing": None,
            },
        )
        monitor(bench, "blockdev-snapshot", node=source, overlay="libvirt-2-format")
        raise Unreachable("LibvirtUnreachable", "the daemon died")

    domain.snapshot = snapshot


def test_a_lost_start_is_undone_and_made_again(bench: Bench):
    lose_the_start(bench)
    bench.agent.order(Order.OVERLAY)
    until(bench, lambda node: node.top is Top.OVERLAY, "QEMU on the overlay")
    assert bench.agent.switch.node.reached is not Order.OVERLAY
    bench.launcher.write(0x88, 0, 4 * KIB)
    node = reach(bench, Order.OVERLAY)
    assert node.overlay.name.endswith("-2.qcow2")
    assert content(bench.source / "disk.img", 0, 4 * KIB) == b"\x88" * 4 * KIB
    frozen = content(bench.source / "disk.img", 0, SIZE)
    bench.launcher.write(0x99, 0, 4 * KIB)
    assert content(bench.source / "disk.img", 0, SIZE) == frozen


def test_a_cancel_of_a_lost_start_commits_through_qemu(bench: Bench):
    lose_the_start(bench)
    bench.agent.order(Order.OVERLAY)
    until(bench, lambda node: node.top is Top.OVERLAY, "QEMU on the overlay")
    bench.launcher.write(0x88, 0, 4 * KIB)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(bench.source / "disk.img", 0, 4 * KIB) == b"\x88" * 4 * KIB


def test_after_a_lost_pivot_the_destination_is_the_truth_and_the_source_is_closed(bench: Bench):
    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x22, 0, 4 * KIB)
    reach(bench, Order.MIRRORED)

    def pivot() -> None:
        job = monitor(bench, "query-block-jobs")[0]["device"]
        monitor(bench, "job-complete", id=job)
        raise Unreachable("LibvirtUnreachable", "the daemon died")

    bench.connections[0].pivot = pivot
    node = reach(bench, Order.DESTINATION)
    assert node.stage is Stage.DONE
    bench.launcher.write(0x33, 8 * KIB, 4 * KIB)
    destination = bench.destination / "disk.img"
    assert content(destination, 0, 4 * KIB) == b"\x22" * 4 * KIB
    assert content(destination, 8 * KIB, 4 * KIB) == b"\x33" * 4 * KIB
    assert set(content(bench.source / "disk.img", 0, SIZE)) == {0x11}
    opened = bench.agent.ports.processes.opened(bench.guest)
    inode = (bench.source / "disk.img").stat().st_ino
    assert inode not in {file.identity.inode for file in opened}
    node = until(bench, lambda node: node.last_error is not None, "the note about libvirt")
    assert node.last_error.reason == "LibvirtStale"
