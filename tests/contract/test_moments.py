"""Moments of a move that pass too soon to be met on a cluster, on real libvirt and QEMU."""

import contextlib
import dataclasses
import logging
import os
import signal

import pytest

from contract.conftest import SIZE, Bench
from contract.launcher import DOMAIN, finisher
from contract.test_live_move import KIB, content, reach, until
from detour_agent import one_pass
from detour_agent.domain import converging, throttle
from detour_agent.domain.budget import LEAST_WRITE_RATE as LEAST
from detour_agent.errors import Unreachable
from detour_crds.attachment_switch import ObjectRef, Order, Pressure, Stage, Top

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


def go_back_slowly(bench: Bench, speed: int) -> None:
    """The commit gets on with so many bytes per second."""
    import libvirt

    def slowly() -> None:
        flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
        flags |= libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES
        with domain_of(bench) as domain:
            domain.blockCommit("vda", None, None, speed, flags)

    bench.connections[0].commit = slowly
    bench.agent.order(Order.SOURCE)


def test_a_merge_that_does_not_get_on_slows_the_guest_down(bench: Bench, monkeypatch):
    """Its limits of I/O are as they were once it is over."""
    import libvirt

    monkeypatch.setattr(converging, "PATIENCE_SECONDS", 0.5)
    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x33, 0, LARGE)
    before = bench.connections[0].tune()
    go_back_slowly(bench, 1)
    pressed = lambda node: node.overlay.pressure is Pressure.THROTTLED  # noqa: E731
    until(bench, pressed, "a guest that is slowed down")
    least = lambda _: throttle.write_rate(bench.connections[0].tune()) == LEAST  # noqa: E731
    until(bench, least, "the least that a guest may write")
    with domain_of(bench) as domain:
        domain.blockJobSetSpeed("vda", 0, libvirt.VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert bench.connections[0].tune() == before
    assert content(bench.source, 0, LARGE) == b"\x33" * LARGE


def test_a_commit_is_waited_for(bench: Bench, rows):
    """The guest goes on writing meanwhile, and all of it is in the source."""
    import libvirt

    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x33, 0, LARGE)
    go_back_slowly(bench, SLOW)
    until(bench, lambda _: "C5" in rows(), "a commit that is under way")
    bench.launcher.write(0x44, LARGE, 4 * KIB)
    assert bench.agent.once().top is Top.OVERLAY
    with domain_of(bench) as domain:
        domain.blockJobSetSpeed("vda", 0, libvirt.VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES)
    node = reach(bench, Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert content(bench.source, 0, LARGE) == b"\x33" * LARGE
    assert content(bench.source, LARGE, 4 * KIB) == b"\x44" * 4 * KIB


@pytest.mark.parametrize("late", [False, True], ids=["all merged", "a write is missing"])
def test_a_guest_that_ends_at_the_end_of_the_merge_is_on_the_source(file_bench: Bench, rows, late):
    """If that has everything; else it is not known where the guest wrote last (rule R3)."""
    bench = file_bench
    reach(bench, Order.OVERLAY)
    bench.launcher.write(0x55, 0, 64 * KIB)
    domain = bench.connections[0]

    def dies() -> None:
        if late:
            domain.abort()
            bench.launcher.write(0x66, 0, 4 * KIB)
        os.kill(bench.guest.pid, signal.SIGKILL)
        raise Unreachable("LibvirtUnreachable", "the node lost its power")

    domain.pivot = dies
    bench.agent.order(Order.SOURCE)
    node = until(bench, lambda node: node.qemu == "Gone", "the guest gone")
    assert node.stage is Stage.COMMITPIVOT
    claims = (bench.source.parent, bench.destination.parent)
    with finisher(*claims) as found:
        bench.agent.ports.processes.finisher = found
        compute = bench.agent.switch.compute
        pod = ObjectRef(name="finisher", uid="f")
        compute = dataclasses.replace(compute, finisher_pod=pod)
        bench.agent.switch = dataclasses.replace(bench.agent.switch, compute=compute)
        if late:
            node = until(bench, lambda node: node.stopped is not None, "a stop")
            assert (node.stopped.reason, node.row) == ("AmbiguousCommit", "D7")
            assert list((bench.folder / "agent").rglob("*.qcow2"))
        else:
            node = reach(bench, Order.SOURCE)
            assert "D6" in rows()
            assert node.stage is Stage.CANCELLED
            assert content(bench.source, 0, 64 * KIB) == b"\x55" * 64 * KIB
