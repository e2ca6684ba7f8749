"""Limits of I/O, and a disk that is full, on real libvirt and QEMU."""

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from contract.conftest import Bench
from contract.launcher import DOMAIN, SERIAL, wait_for
from contract.test_live_move import reach, until
from contract.writing_guest import WRITE_BYTES, WritingGuest, boot_sector, lost
from detour_agent.domain import throttle
from detour_crds.attachment_switch import Order, Pressure, Stage, Top
from detour_crds.volume_migration import NearLimit, OverlayPlace, OverlaySpec

MIB = 1024 * 1024
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
STATE_BYTES = 48 * MIB
WRITES = 200


@pytest.fixture(name="bench")
def _bench(file_bench: Bench) -> Bench:
    """What an overlay may take has nothing to do with what is below it."""
    return file_bench


@pytest.fixture(name="boot_sector")
def _boot_sector() -> bytes:
    return boot_sector()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The agent's directory on a small file system of its own."""
    image, folder = tmp_path / "state.img", tmp_path / "agent"
    with image.open("wb") as file:
        file.truncate(STATE_BYTES)
    make = ["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image)]
    subprocess.run(make, check=True)
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    folder.chmod(0o711)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def guest(bench: Bench) -> Iterator[WritingGuest]:
    line = bench.launcher.root / "run" / SERIAL
    wait_for(line.exists, "the guest's serial line")
    made = WritingGuest(line)
    yield made
    made.close()


def limited(bench: Bench, **spec: object) -> None:
    bench.agent.switch = dataclasses.replace(bench.agent.switch, overlay=OverlaySpec(**spec))


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1024 * 1024
        while size >= 512:
            try:
                file.write(b"\xff" * size)
            except OSError:
                size //= 2
    return ballast


def paused(bench: Bench) -> bool:
    return bench.connections[0].report().no_space


def end(bench: Bench) -> None:
    """The guest's last power cut: what is checked is what is on the disks."""
    bench.launcher.end()


def test_limits_of_io_are_put_back_exactly(bench: Bench):
    reach(bench, Order.OVERLAY)
    domain = libvirt.open(bench.launcher.uri).lookupByName(DOMAIN)
    for before in (
        {},
        {"read_bytes_sec": 50 * MIB, "write_iops_sec": 500},
        {"total_bytes_sec": 40 * MIB, "total_bytes_sec_max": 80 * MIB, "read_iops_sec": 9},
        {
            "write_bytes_sec": 30 * MIB,
            "write_bytes_sec_max": 60 * MIB,
            "write_bytes_sec_max_length": 5,
            "size_iops_sec": 4096,
        },
    ):
        domain.setBlockIoTune("vda", before, LIVE) if before else None
        xml, values = domain.XMLDesc(), domain.blockIoTune("vda", LIVE)
        limits = bench.connections[0].tune()
        for rate in (8 * MIB, MIB, 128 * 1024):
            wanted = throttle.slowed(limits, rate)
            bench.connections[0].set_tune(wanted)
            assert throttle.write_rate(bench.connections[0].tune()) == rate
            assert bench.connections[0].tune() == wanted
        bench.connections[0].set_tune(limits)
        assert domain.blockIoTune("vda", LIVE) == values
        assert before or domain.XMLDesc() == xml


@pytest.mark.parametrize("position", [Order.DESTINATION, Order.SOURCE])
def test_a_throttled_guest_loses_nothing_and_is_given_free(
    bench: Bench, guest: WritingGuest, position: Order
):
    limited(bench, limit="8Mi", near_limit=NearLimit.THROTTLE)
    reach(bench, Order.OVERLAY)
    before = bench.connections[0].tune()
    guest.write(104)
    node = until(bench, lambda node: node.overlay.pressure is Pressure.THROTTLED, "the throttle")
    assert node.overlay.limit_bytes == 8 * MIB
    wait_for(lambda: bench.connections[0].tune() != before, "lower limits")
    if position is Order.DESTINATION:
        reach(bench, Order.MIRRORED)
    reach(bench, position)
    until(bench, lambda node: node.overlay is None, "overlay removed")
    assert bench.connections[0].tune() == before
    wait_for(lambda: guest.acknowledged() >= 104, "the last writes")
    assert not guest.failed()
    end(bench)
    image = bench.destination if position is Order.DESTINATION else bench.source
    assert lost(image, guest.acknowledged()) == []


def test_a_full_disk_pauses_the_guest_until_there_is_room(
    bench: Bench, guest: WritingGuest, state: Path
):
    reach(bench, Order.OVERLAY)
    ballast = fill(state)
    guest.write(WRITES)
    wait_for(lambda: paused(bench), "the guest paused for want of room")
    done = guest.acknowledged()
    assert done < WRITES
    for _ in range(5):
        node = bench.agent.once()
    assert node.overlay.pressure is Pressure.REACHED
    assert paused(bench)
    domain = libvirt.open(bench.launcher.uri).lookupByName(DOMAIN)
    for _ in range(3):
        # As KubeVirt does at intervals of its own.
        domain.resume()
        wait_for(lambda: paused(bench), "the guest paused again")
    ballast.unlink()
    until(bench, lambda _: guest.acknowledged() >= WRITES, "all writes")
    reach(bench, Order.MIRRORED)
    reach(bench, Order.DESTINATION)
    assert not guest.failed()
    end(bench)
    assert lost(bench.destination, WRITES) == []


def test_a_full_disk_and_a_cancel_bring_every_write_back(
    bench: Bench, guest: WritingGuest, state: Path
):
    reach(bench, Order.OVERLAY)
    fill(state)
    guest.write(WRITES)
    wait_for(lambda: paused(bench), "the guest paused for want of room")
    node = reach(bench, Order.SOURCE)
    assert (node.stage, node.top) == (Stage.CANCELLED, Top.SOURCE)
    until(bench, lambda _: guest.acknowledged() >= WRITES, "all writes")
    until(bench, lambda node: node.overlay is None, "overlay removed")
    assert not guest.failed()
    end(bench)
    assert lost(bench.source, WRITES) == []


def test_no_start_on_a_full_disk(bench: Bench, state: Path):
    fill(state)
    node = until(bench, lambda node: node.inspection is not None, "inspection")
    assert node.inspection.reason == "OverlayNoRoom"
    assert node.top is Top.SOURCE


def on_volume(bench: Bench, where: OverlayPlace) -> None:
    limited(bench, where=where)


def hidden_folders(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".detour")]


@pytest.mark.parametrize("position", [Order.DESTINATION, Order.SOURCE])
def test_an_overlay_beside_the_source(
    bench: Bench, guest: WritingGuest, state: Path, position: Order
):
    on_volume(bench, OverlayPlace.SOURCE_VOLUME)
    reach(bench, Order.OVERLAY)
    (name,) = hidden_folders(bench.source.parent)
    folder = bench.source.parent / name
    guest.write(40)
    wait_for(lambda: guest.acknowledged() >= 40, "writes on the overlay")
    (overlay,) = folder.glob("overlay-*.qcow2")
    assert overlay.stat().st_blocks * 512 > 40 * WRITE_BYTES
    assert bench.agent.once().overlay.bytes > 0
    own = state / "switches" / bench.agent.switch.uid / "journal.json"
    assert (folder / "journal.json").read_text() == own.read_text()
    if position is Order.DESTINATION:
        reach(bench, Order.MIRRORED)
        bench.agent.restart()
        own.unlink()
        node = bench.agent.once()
        assert (node.overlay.name, node.stage) == (overlay.name, Stage.MIRROR)
    guest.write(40)
    reach(bench, position)
    until(bench, lambda node: node.overlay is None, "overlay removed")
    if position is Order.DESTINATION:
        assert list(folder.iterdir()) == []
    else:
        assert hidden_folders(bench.source.parent) == []
    wait_for(lambda: guest.acknowledged() >= 80, "the last writes")
    end(bench)
    image = bench.destination if position is Order.DESTINATION else bench.source
    assert lost(image, 80) == []
