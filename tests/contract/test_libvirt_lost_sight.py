"""libvirt's XML says one thing and QEMU runs on another: what a daemon killed in a call leaves."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.conftest import SIZE, Bench
from contract.launcher import DOMAIN
from contract.test_live_move import KIB, content, reach, until
from detour_agent.adapters.identities import identity_of
from detour_agent.errors import Unreachable
from detour_agent.steps import inspect_running
from detour_crds.attachment_switch import Node, Order, Stage, Top


@pytest.fixture(autouse=True)
def _settle_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_running, "SETTLE_SECONDS", 0.2)


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
    assert content(bench.source, 0, 4 * KIB) == b"\x88" * 4 * KIB
    frozen = content(bench.source, 0, SIZE)
    bench.launcher.write(0x99, 0, 4 * KIB)
    assert content(bench.source, 0, SIZE) == frozen


def test_a_cancel_of_a_lost_start_commits_through_qemu(bench: Bench):
    lose_the_start(bench)
    bench.agent.order(Order.OVERLAY)
    until(bench, lambda node: node.top is Top.OVERLAY, "QEMU on the overlay")
    bench.launcher.write(0x88, 0, 4 * KIB)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(bench.source, 0, 4 * KIB) == b"\x88" * 4 * KIB


def killed_in_the_call(
    bench: Bench, call: Callable[..., None], pause_seconds: float
) -> Callable[..., None]:
    """The call, with its daemon killed this long after it noted the job that it then begins."""
    status = Path(f"/proc/{bench.guest.pid}/root/run/libvirt/qemu/run/{DOMAIN}.xml")

    def kill() -> None:
        while "<blockjob " not in status.read_text():
            pass
        time.sleep(pause_seconds)
        bench.launcher.kill_daemon()

    def dies(*arguments: object) -> None:
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            call(*arguments)
        finally:
            killer.join()

    return dies


MOMENTS = (0.0, 0.003, 0.02)
"""Seconds: before QEMU has the job, while libvirt does not show it, once it shows it."""


@pytest.fixture(params=MOMENTS)
def dying(request: pytest.FixtureRequest, file_bench: Bench) -> Callable[[str, Order], Bench]:
    """A guest on the overlay, whose daemon dies in the call that an order leads to."""

    def die(call: str, order: Order) -> Bench:
        reach(file_bench, Order.OVERLAY)
        file_bench.launcher.write(0x22, 0, 64 * KIB)
        domain = file_bench.connections[0]
        dies = killed_in_the_call(file_bench, getattr(domain, call), request.param)
        setattr(domain, call, dies)
        file_bench.agent.order(order)
        launcher = file_bench.launcher
        until(file_bench, lambda _: launcher.daemon.poll() is not None, "the daemon's death")
        launcher.restart_daemon(file_bench.guest)
        file_bench.connections.clear()
        return file_bench

    return die


def test_a_mirror_that_the_daemon_died_in_is_begun_again(dying):
    bench = dying("copy", Order.MIRRORED)
    bench.launcher.write(0x33, 64 * KIB, 4 * KIB)
    node = reach(bench, Order.DESTINATION)
    assert node.stage is Stage.DONE
    assert content(bench.destination, 0, 64 * KIB) == b"\x22" * 64 * KIB
    assert content(bench.destination, 64 * KIB, 4 * KIB) == b"\x33" * 4 * KIB


def test_a_mirror_that_the_daemon_died_in_can_be_cancelled(dying):
    bench = dying("copy", Order.MIRRORED)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(bench.source, 0, 64 * KIB) == b"\x22" * 64 * KIB
    until(bench, lambda node: node.overlay is None, "overlay removed")
    opened = bench.agent.ports.processes.opened(bench.guest)
    assert identity_of(bench.destination.stat()) not in {file.identity for file in opened}


def back(bench: Bench, node: Node) -> bool:
    """Whether the way back is over, with the daemon started as often as it ends.

    Aborting a commit that it lost ends libvirt 9.0 with SIGSEGV (measured); the job is over then.
    """
    if bench.launcher.daemon.poll() is not None:
        bench.launcher.restart_daemon(bench.guest)
        bench.connections.clear()
    return node.reached is Order.SOURCE


def test_a_commit_that_the_daemon_died_in_is_begun_again(dying):
    bench = dying("commit", Order.SOURCE)
    bench.launcher.write(0x33, 64 * KIB, 4 * KIB)
    node = until(bench, lambda node: back(bench, node), "reached Source")
    assert node.stage is Stage.CANCELLED
    assert content(bench.source, 0, 64 * KIB) == b"\x22" * 64 * KIB
    assert content(bench.source, 64 * KIB, 4 * KIB) == b"\x33" * 4 * KIB


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
    destination = bench.destination
    assert content(destination, 0, 4 * KIB) == b"\x22" * 4 * KIB
    assert content(destination, 8 * KIB, 4 * KIB) == b"\x33" * 4 * KIB
    assert set(content(bench.source, 0, SIZE)) == {0x11}
    opened = bench.agent.ports.processes.opened(bench.guest)
    source = identity_of(bench.source.stat())
    assert source not in {file.identity for file in opened}
    node = until(bench, lambda node: node.last_error is not None, "the note about libvirt")
    assert node.last_error.reason == "LibvirtStale"
