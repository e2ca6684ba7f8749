"""Folders on volumes: only of root, reached through a process, held no longer than a look."""

import dataclasses
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detour_agent.adapters import folders
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.journal_files import JournalFiles
from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.places import Places
from detour_agent.domain import budget
from detour_agent.domain.budget import GIB, Room
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import Place, Process
from detour_agent.errors import StepFailed, Unreachable
from detour_agent.privileged.syscalls import open_beneath
from detour_crds.attachment_switch import Stage

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


@pytest.fixture
def failing(monkeypatch) -> set[str]:
    """Names that cannot be opened below, as on a volume whose storage has gone."""
    names: set[str] = set()

    def refuse(folder: int, path: str, flags: int, resolve: int) -> int:
        if path in names:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return open_beneath(folder, path, flags, resolve)

    monkeypatch.setattr(folders, "open_beneath", refuse)
    return names


def test_a_folder_that_cannot_be_looked_at_is_unknown_and_not_absent(tmp_path, volume, failing):
    places = Places(tmp_path / "agent")
    places.settle(UID, place(volume))
    places.make(UID)
    (volume / NAME / "overlay-1.qcow2").touch()
    failing.add(NAME)
    overlays = OverlayFiles(tmp_path / "agent", places=places)
    overlays.settle(UID, place(volume))
    for look in (overlays.folder, overlays.found, places.is_made, places.make):
        with pytest.raises(Unreachable):
            look(UID)
    places.discard(UID)
    assert (volume / NAME).exists()
    failing.clear()
    overlays.settle(UID, place(volume))
    assert overlays.found(UID) == ("overlay-1.qcow2",)


def test_a_volume_that_is_not_where_it_has_to_be_is_unknown(tmp_path, volume):
    places = Places(tmp_path / "agent")
    places.settle(UID, place(volume / "gone"))
    with pytest.raises(Unreachable):
        places.is_made(UID)


def test_the_other_place_where_the_folder_is_decides(tmp_path, moved, failing):
    """The destination covers the volume, so what is not there may be where one cannot look."""
    exposed = Path(moved.exposed).name
    failing.add(exposed)
    places = Places(tmp_path / "agent")
    places.settle(UID, moved)
    with pytest.raises(Unreachable):
        places.is_made(UID)
    failing.symmetric_difference_update({exposed, NAME})
    places.settle(UID, moved)
    assert places.is_made(UID)


def test_files_that_cannot_be_listed_are_unknown(tmp_path, volume, monkeypatch):
    overlays = OverlayFiles(tmp_path)
    overlays.settle(UID, place(volume))
    overlays.places.make(UID)

    def refuse(_path: object) -> list[str]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(Unreachable):
        overlays.found(UID)


def journalled(stage: Stage) -> Record:
    about = {"namespace": "ns", "name": "move", "volume": "root", "domain": "ns_vm"}
    return Record(switch_uid=UID, token="t", stage=stage, **about)  # noqa: S106


def test_a_journal_beside_a_folder_that_cannot_be_looked_at_is_not_missing(
    tmp_path, volume, failing
):
    places = Places(tmp_path / "agent")
    places.settle(UID, place(volume))
    places.make(UID)
    journal = JournalFiles(tmp_path / "agent", places)
    record = journalled(Stage.OVERLAY)
    journal.write(record)
    failing.add(NAME)
    places.settle(UID, place(volume))
    with pytest.raises(Unreachable):
        journal.write(dataclasses.replace(record, stage=Stage.MIRROR))
    assert journal.read(UID) == record
    elsewhere = Places(tmp_path / "other")
    elsewhere.settle(UID, place(volume))
    with pytest.raises(Unreachable):
        JournalFiles(tmp_path / "other", elsewhere).read(UID)
    failing.clear()
    elsewhere.settle(UID, place(volume))
    assert JournalFiles(tmp_path / "other", elsewhere).read(UID) == record


def test_a_journal_goes_on_without_a_volume_that_nobody_has_any_more(tmp_path, volume):
    """Its claim may have been deleted: the guest's writes are where QEMU has them open."""
    places = Places(tmp_path / "agent")
    places.settle(UID, place(volume, None))
    journal = JournalFiles(tmp_path / "agent", places)
    record = journalled(Stage.CANCEL)
    journal.write(record)
    assert journal.read(UID) == record


def shown_alone(moved: Place) -> Place:
    """The volume of a claim whose pod is gone: the launcher has the overlay's folder, no more."""
    return dataclasses.replace(moved, base="", with_source=False)


def test_what_the_launcher_shows_alone_has_the_journal_too(tmp_path, volume, moved):
    """Whoever goes on elsewhere must not read an older intent than the last one."""
    places = Places(tmp_path / "agent")
    places.settle(UID, shown_alone(moved))
    record = journalled(Stage.PIVOT)
    JournalFiles(tmp_path / "agent", places).write(record)
    elsewhere = Places(tmp_path / "other")
    elsewhere.settle(UID, place(volume))
    assert JournalFiles(tmp_path / "other", elsewhere).read(UID) == record


def test_what_the_launcher_shows_alone_can_be_removed(tmp_path, volume, moved):
    (volume / NAME / "overlay-1.qcow2").touch()
    overlays = OverlayFiles(tmp_path / "agent")
    overlays.settle(UID, shown_alone(moved))
    overlays.remove(UID, overlays.found(UID))
    assert list((volume / NAME).iterdir()) == []


def test_a_folder_that_no_launcher_shows_is_unknown(tmp_path, moved):
    """Its journal goes on in the agent's own directory, as where nobody has the volume."""
    nowhere = dataclasses.replace(shown_alone(moved), exposed=f"{moved.exposed}-not")
    overlays = OverlayFiles(tmp_path / "agent")
    overlays.settle(UID, nowhere)
    for look in (overlays.found, overlays.folder, overlays.room, overlays.places.make):
        with pytest.raises(Unreachable, match="nobody"):
            look(UID)
    journal = JournalFiles(tmp_path / "agent", overlays.places)
    record = journalled(Stage.DONE)
    journal.write(record)
    assert journal.read(UID) == record
