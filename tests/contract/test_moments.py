"""Moments of a move that pass too soon to be met on a cluster, on real libvirt and QEMU."""

import contextlib
import logging

import pytest

from contract.conftest import SIZE, Bench
from contract.launcher import DOMAIN
from contract.test_live_move import KIB, content, reach, until
from detour_agent import one_pass
from detour_agent.errors import Unreachable
from detour_crds.attachment_switch import Order, Stage, Top

LARGE = 4 << 20
SLOW = 64 * KIB
"""Bytes per second."""


@pytest.fixture
def rows(caplog):
    """Those of docs/states.md that the agent has come to."""
    caplog.set_level(logging.INFO, one_pass.__name__)
    return lambda: {record.row for record in caplog.records if hasattr(record, "row")}


def test_an_overlay_that_qemu_was_not_told_of_is_taken_away(bench: Bench, rows):
    """The daemon dies between the file and the snapshot, and the move is cancelled."""
    bench.agent.once()

    def dies(_overlay: str) -> None:
        raise Unreachable("LibvirtUnreachable", "the daemon died")

    bench.connections[0].snapshot = dies
    bench.agent.order(Order.OVERLAY)
    until(bench, lambda _: list((bench.folder / "agent").rglob("*.qcow2")), "the overlay's file")
    bench.launcher.write(0x22, 0, 4 * KIB)
    node = reach(bench, Order.SOURCE)
    assert "L4" in rows()
    assert (node.stage, node.top) == (Stage.CANCELLED, Top.SOURCE)
    until(bench, lambda node: node.overlay is None, "overlay removed")
    assert not list((bench.folder / "agent").rglob("*.qcow2"))
    assert content(bench.source, 0, 4 * KIB) == b"\x22" * 4 * KIB
    assert set(content(bench.source, 4 * KIB, SIZE - 4 * KIB)) == {0x11}


@contextlib.contextmanager
def domain_of(bench: Bench):
    """The guest, by a connection of the test's own."""
    import libvirt

    connection = libvirt.open(bench.launcher.uri)
    try:
        yield connection.lookupByName(DOMAIN)
    finally:
        connection.close()


def test_a_commit_is_waited_for(bench: Bench, rows):
    """The guest goes on writing meanwhile, and all of it is in the source."""
    import libvirt

    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x33, 0, LARGE)

    def slowly() -> None:
        flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
        flags |= libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES
        with domain_of(bench) as domain:
            domain.blockCommit("vda", None, None, SLOW, flags)

    bench.connections[0].commit = slowly
    bench.agent.order(Order.SOURCE)
    until(bench, lambda _: "C5" in rows(), "a commit that is under way")
    bench.launcher.write(0x44, LARGE, 4 * KIB)
    assert bench.agent.once().top is Top.OVERLAY
    with domain_of(bench) as domain:
        domain.blockJobSetSpeed("vda", 0, libvirt.VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(bench.source, 0, LARGE) == b"\x33" * LARGE
    assert content(bench.source, LARGE, 4 * KIB) == b"\x44" * 4 * KIB
