"""Folders on volumes: only of root, reached through a process, held no longer than a look."""

import dataclasses
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.places import Places
from detour_agent.adapters.processes import start_time
from detour_agent.domain import budget
from detour_agent.domain.budget import GIB, Room
from detour_agent.domain.ports import Place, Process
from detour_agent.errors import StepFailed, Unreachable

UID = "11112222-3333-4444-5555-666677778888"
ME = Process(os.getpid(), start_time(Path("/proc/self")))
NAME = f".detour-{UID}-1"
NOBODY = 0
"""No process has this number."""


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume that this process has mounted, by its path in this process's root."""
    if os.geteuid() != 0:
        pytest.skip("looks through /proc/PID/root, as root")
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def place(volume: Path, process: Process | None = ME) -> Place:
    return Place(process=process, base=str(volume), name=NAME, with_source=True)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_folder_is_made_once_and_found_again(tmp_path: Path, volume: Path):
    places = Places(tmp_path / "agent")
    places.settle(UID, place(volume))
    assert not places.is_made(UID)
    places.make(UID)
    (places.folder(UID) / "overlay-1.qcow2").touch()
    assert (volume / NAME / "overlay-1.qcow2").exists()
    assert (volume / NAME).stat().st_mode & 0o777 == 0o711
    again = OverlayFiles(tmp_path / "agent", places=Places(tmp_path / "agent"))
    again.settle(UID, place(volume))
    assert again.found(UID) == ("overlay-1.qcow2",)


def test_nothing_is_held_after_the_last_look(tmp_path: Path, volume: Path):
    places, before = Places(tmp_path), descriptors()
    places.settle(UID, place(volume))
    places.make(UID)
    for _ in range(5):
        places.settle(UID, place(volume))
    assert descriptors() == before + 1
    places.settle(UID, None)
    assert descriptors() == before


@pytest.mark.parametrize("process", [None, Process(ME.pid, ME.start_time + 1)])
def test_a_volume_that_nobody_has_mounted_is_unknown_and_not_empty(tmp_path, volume, process):
    overlays = OverlayFiles(tmp_path)
    overlays.settle(UID, place(volume, process))
    with pytest.raises(Unreachable):
        overlays.folder(UID)
    with pytest.raises(Unreachable):
        overlays.room(UID)


def test_a_folder_of_others_is_not_taken(tmp_path: Path, volume: Path):
    (volume / NAME).mkdir()
    os.chown(volume / NAME, 107, 107)
    places = Places(tmp_path)
    places.settle(UID, place(volume))
    with pytest.raises(StepFailed):
        places.make(UID)


def test_a_link_is_not_followed(tmp_path: Path, volume: Path):
    (tmp_path / "elsewhere").mkdir()
    (volume / NAME).symlink_to(tmp_path / "elsewhere")
    places = Places(tmp_path)
    places.settle(UID, place(volume))
    with pytest.raises(StepFailed):
        places.make(UID)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_empty_folder_is_removed(tmp_path: Path, volume: Path):
    overlays = OverlayFiles(tmp_path)
    overlays.settle(UID, place(volume))
    overlays.places.make(UID)
    overlays.remove(UID, ())
    assert list(volume.iterdir()) == []


def test_on_the_volume_of_the_source_half_of_what_is_free_may_be_taken():
    room = Room(free_bytes=101 * GIB, kept_bytes=0, total_bytes=200 * GIB, with_source=True)
    assert budget.spare(room) == 50 * GIB
    # What was taken already will be taken from the same room once more by a cancel.
    assert budget.spare(room, 20 * GIB) == 40 * GIB
    assert budget.limit(room, None) == 50 * GIB


MOVED = """
mkdir launcher && {launcher} && mkdir launcher/disk launcher/exposed
mount --bind volume launcher/disk && mount --bind volume/{name} launcher/exposed
mount --bind destination launcher/disk && echo ready && exec sleep infinity
"""


LAUNCHERS = {"a file system of its own": "mount -t tmpfs none launcher", "the volume's": "true"}
"""What the launcher's directory is on: kubelet's may be on the disk that has the volumes."""


@pytest.fixture(params=LAUNCHERS)
def moved(tmp_path: Path, volume: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A guest's process after a move: the destination covers the volume that the folder is on."""
    (volume / NAME).mkdir()
    (tmp_path / "destination").mkdir()
    script = MOVED.format(name=NAME, launcher=LAUNCHERS[request.param])
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as guest:
        if guest.stdout.readline() != b"ready\n":
            pytest.skip("mounts in a namespace of its own, as root")
        process = Process(guest.pid, start_time(Path("/proc", str(guest.pid))))
        disk, exposed = str(tmp_path / "launcher/disk"), str(tmp_path / "launcher/exposed")
        yield Place(process=process, base=disk, name=NAME, exposed=exposed, with_source=True)
        guest.kill()


def after_the_move(tmp_path: Path, moved: Place) -> Places:
    places = Places(tmp_path / "agent", init=ME.pid)
    places.settle(UID, moved)
    assert places.is_made(UID)
    return places


def test_a_folder_below_the_destination_is_removed_where_the_node_has_it(tmp_path, volume, moved):
    places = after_the_move(tmp_path, moved)
    overlays = OverlayFiles(tmp_path / "agent", places=places)
    (volume / NAME / "overlay-1.qcow2").touch()
    (volume / NAME / "journal.json").touch()
    overlays.remove(UID, ("overlay-1.qcow2",))
    assert list(volume.iterdir()) == []


def test_what_is_in_it_is_left(tmp_path, volume, moved):
    (volume / NAME / "of-somebody").touch()
    after_the_move(tmp_path, moved).discard(UID)
    assert (volume / NAME / "of-somebody").exists()


def test_another_folder_of_that_name_is_left(tmp_path, volume, moved):
    places = after_the_move(tmp_path, moved)
    (volume / NAME).rename(volume / "elsewhere")
    (volume / NAME).mkdir()
    places.discard(UID)
    assert (volume / NAME).exists()
    assert (volume / "elsewhere").exists()


def test_where_the_node_has_it_not_mounted_it_is_left(tmp_path, volume, moved):
    places = Places(tmp_path / "agent", init=NOBODY)
    places.settle(UID, moved)
    places.discard(UID)
    assert (volume / NAME).exists()


def test_the_point_that_nothing_is_mounted_on_yet_is_no_folder(tmp_path, volume):
    (volume / NAME).mkdir()
    (tmp_path / "exposed").mkdir()
    places = Places(tmp_path / "agent")
    places.settle(UID, dataclasses.replace(place(volume), exposed=str(tmp_path / "exposed")))
    assert places.folder(UID).samefile(volume / NAME)
