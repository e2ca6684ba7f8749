"""An overlay whose guest is gone, compared with and merged onto an image by a real qemu-img."""

import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from contract.conftest import loop_device
from detour_agent.adapters.images import OverlayFiles, create_command
from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.offline_images import OfflineImages
from detour_agent.domain.ports import ImageFile, OfflineMerge, OverlayImage, Process
from detour_agent.errors import StepFailed, Unreachable
from detour_crds.attachment_switch import Identity
from detour_crds.names import QEMU_UID

UID = "11112222-3333"
NAME = "overlay-11112222-1-1.qcow2"
SIZE = 64 << 20
KIB = 1 << 10
WRITES = {0: 4 * KIB, 132 * KIB: 8 * KIB, 33 << 20: 300 * KIB, SIZE - 4 * KIB: 4 * KIB}
"""Where the guest wrote, and how much: single subclusters, several clusters, the very end."""
ZEROED = (40 << 20, 256 * KIB)


@pytest.fixture
def place(tmp_path):
    """A source full of ones, and an overlay with data and zeroes over it."""
    source, claim = tmp_path / "claim" / "disk.img", tmp_path / "claim"
    claim.mkdir()
    source.write_bytes(b"\1" * SIZE)
    overlays = OverlayFiles(tmp_path / "state", owner=os.getuid())
    overlay = overlays.folder(UID) / NAME
    overlay.parent.mkdir(parents=True)
    spec = OverlayImage(backing=str(source), virtual_size_bytes=SIZE)
    subprocess.run(create_command(overlay, spec), check=True)
    writes = [("-c", f"write -P 7 {at} {length}") for at, length in WRITES.items()]
    zeroes = ("-c", f"write -z {ZEROED[0]} {ZEROED[1]}")
    commands = [part for pair in (*writes, zeroes) for part in pair]
    subprocess.run(["qemu-io", *commands, str(overlay)], check=True, capture_output=True)
    return tmp_path, overlays


def merge_onto(claim: Path) -> OfflineMerge:
    found = (claim / "disk.img").stat()
    return OfflineMerge(
        switch_uid=UID,
        overlay=NAME,
        finisher=Process(os.getpid(), start_time(Path(f"/proc/{os.getpid()}"))),
        path=str(claim),
        image=ImageFile(Identity(device=found.st_dev, inode=found.st_ino), found.st_size),
        virtual_size_bytes=SIZE,
    )


def expected() -> bytearray:
    image = bytearray(b"\1" * SIZE)
    for at, length in WRITES.items():
        image[at : at + length] = b"\7" * length
    image[ZEROED[0] : sum(ZEROED)] = bytes(ZEROED[1])
    return image


def test_a_merge_makes_them_equal_and_changes_nothing_else(place):
    folder, overlays = place
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    assert not offline.equal(merge)
    offline.merge(merge)
    assert offline.equal(merge)
    assert (folder / "claim" / "disk.img").read_bytes() == expected()


def test_the_overlay_stays_so_that_a_merge_can_be_repeated(place):
    folder, overlays = place
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    offline.merge(merge)
    with (folder / "claim" / "disk.img").open("r+b") as image:
        image.write(bytes(SIZE))
    offline.merge(merge)
    assert offline.equal(merge)


def test_onto_a_larger_destination(place):
    folder, overlays = place
    larger = folder / "larger"
    larger.mkdir()
    with (larger / "disk.img").open("wb") as image:
        image.write(b"\1" * SIZE)
        image.truncate(SIZE + (5 << 20))
    merge = merge_onto(larger)
    OfflineImages(overlays).merge(merge)
    read = (larger / "disk.img").read_bytes()
    assert read[:SIZE] == expected()
    assert read[SIZE:] == bytes(5 << 20)


@pytest.mark.parametrize("at", [*WRITES, ZEROED[0] + 4 * KIB, SIZE - 1])
def test_one_byte_that_differs_is_found(place, at):
    folder, overlays = place
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    offline.merge(merge)
    with (folder / "claim" / "disk.img").open("r+b") as image:
        image.seek(at)
        image.write(b"\3")
    assert not offline.equal(merge)


def test_what_the_guest_never_wrote_does_not_matter(place):
    folder, overlays = place
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    offline.merge(merge)
    with (folder / "claim" / "disk.img").open("r+b") as image:
        image.seek(20 << 20)
        image.write(b"\3")
    assert offline.equal(merge)


def test_an_overlay_without_data_is_told_from_one_with(place):
    _, overlays = place
    empty = "overlay-11112222-1-2.qcow2"
    spec = OverlayImage(backing="/nowhere", virtual_size_bytes=SIZE)
    subprocess.run(create_command(overlays.folder(UID) / empty, spec), check=True)
    assert OfflineImages(overlays).holding_data(UID, (NAME, empty)) == (NAME,)


def test_an_image_that_qemu_has_open_is_not_touched(place):
    folder, overlays = place
    image = folder / "claim" / "disk.img"
    before = image.read_bytes()
    drive = f"file={image},format=raw,if=virtio"
    command = ["qemu-system-x86_64", "-S", "-display", "none", "-qmp", "stdio", "-drive", drive]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b'{"execute": "qmp_capabilities"}')
        holder.stdin.flush()
        # It answers once its disks are open and locked; the greeting comes before.
        assert b"QMP" in holder.stdout.readline()
        assert b"return" in holder.stdout.readline()
        with pytest.raises(StepFailed, match="lock"):
            OfflineImages(overlays).merge(merge_onto(folder / "claim"))
        holder.kill()
    assert image.read_bytes() == before


def test_another_image_at_the_path_is_not_touched(place):
    folder, overlays = place
    merge = merge_onto(folder / "claim")
    (folder / "claim" / "disk.img").rename(folder / "claim" / "old.img")
    (folder / "claim" / "disk.img").write_bytes(b"\2" * SIZE)
    with pytest.raises(Unreachable, match="another image"):
        OfflineImages(overlays).merge(merge)
    assert set((folder / "claim" / "disk.img").read_bytes()) == {2}


def test_a_merge_onto_a_larger_device(place):
    folder, overlays = place
    file = folder / "device.img"
    file.write_bytes(b"\1" * SIZE + b"\2" * 512)
    with loop_device(file) as device:
        merge = dataclasses.replace(
            merge_onto(folder / "claim"),
            path=str(device),
            image=ImageFile(Identity(device=device.stat().st_rdev), SIZE + 512),
            block=True,
        )
        offline = OfflineImages(overlays)
        assert not offline.equal(merge)
        offline.merge(merge)
        assert offline.equal(merge)
    assert file.read_bytes() == expected() + b"\2" * 512


HOSTS_DATA = b"what the node keeps to itself".ljust(64 * KIB, b".")


def forge(overlay, options):
    """Make the overlay anew, as who has broken out of the guest into its QEMU could."""
    overlay.unlink()
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *options, str(overlay)]
    subprocess.run([*command, *([] if "-b" in options else [str(SIZE)])], check=True)


def test_an_overlay_that_names_another_file_for_its_data_is_not_opened(place):
    """qemu-img runs as root: it would read and write the node's own files."""
    folder, overlays = place
    secret = folder / "secret"
    forge(overlays.folder(UID) / NAME, ["-o", f"data_file={secret},data_file_raw=on"])
    secret.write_bytes(HOSTS_DATA)
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    for use in (offline.merge, offline.equal, lambda _: offline.holding_data(UID, (NAME,))):
        with pytest.raises(StepFailed, match=r"not as Detour made it .* features 0x4"):
            use(merge)
    assert secret.read_bytes() == HOSTS_DATA
    assert set((folder / "claim" / "disk.img").read_bytes()) == {1}


def test_a_link_at_the_overlay_s_place_is_not_followed(place):
    folder, overlays = place
    path = overlays.folder(UID) / NAME
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    with pytest.raises(StepFailed, match="OverlayUnreadable"):
        OfflineImages(overlays).merge(merge_onto(folder / "claim"))


def test_a_larger_overlay_does_not_make_the_image_grow(place):
    folder, overlays = place
    path = overlays.folder(UID) / NAME
    subprocess.run(["qemu-img", "resize", "-q", "-f", "qcow2", str(path), "1T"], check=True)
    with pytest.raises(StepFailed, match="1099511627776 bytes"):
        OfflineImages(overlays).merge(merge_onto(folder / "claim"))
    assert (folder / "claim" / "disk.img").stat().st_size == SIZE


def test_compressed_clusters_are_refused_and_no_reason_to_fall_over(place):
    folder, overlays = place
    path = overlays.folder(UID) / NAME
    command = ["qemu-io", "-c", "write -c -P 9 16M 128k", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "wrote" in done.stdout
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    offline.merge(merge)
    with pytest.raises(StepFailed, match="compressed"):
        offline.equal(merge)


@pytest.fixture
def forged(place):
    """A source that begins with the header of a qcow2 image with a backing file, of the node's."""
    folder, overlays = place
    secret, header = folder / "secret", folder / "header"
    secret.write_bytes(HOSTS_DATA)
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw"]
    subprocess.run([*command, str(header)], check=True)
    start = header.read_bytes()[: 64 * KIB]
    with (folder / "claim" / "disk.img").open("r+b") as image:
        image.write(start)
    return folder, overlays, start


def test_a_qcow2_header_in_the_guest_s_disk_is_its_data(forged):
    folder, overlays, start = forged
    offline, merge = OfflineImages(overlays), merge_onto(folder / "claim")
    offline.merge(merge)
    read = (folder / "claim" / "disk.img").read_bytes()
    wanted = expected()
    wanted[4 * KIB : len(start)] = start[4 * KIB :]
    is_merged = read == wanted
    assert is_merged
    assert offline.equal(merge)


def test_so_it_is_where_two_images_are_compared(forged):
    folder, overlays, _ = forged
    other = folder / "other"
    other.mkdir()
    (other / "disk.img").write_bytes((folder / "claim" / "disk.img").read_bytes())
    source = merge_onto(folder / "claim")
    merge = dataclasses.replace(
        merge_onto(other), source_path=source.path, source_image=source.image
    )
    offline = OfflineImages(overlays)
    assert offline.identical(merge)
    with (other / "disk.img").open("r+b") as image:
        image.write(b"\0")
    assert not offline.identical(merge)


SQUASHED = """
import pickle, sys
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.offline_images import OfflineImages

state, merge = pickle.loads(sys.stdin.buffer.read())
offline = OfflineImages(OverlayFiles(state))
assert not offline.equal(merge)
offline.merge(merge)
assert offline.equal(merge)
"""


def test_where_root_is_nobody_the_guest_s_user_merges(place):
    """As on NFS with root_squash: root may not open what the guest's user may."""
    folder, overlays = place
    image = folder / "claim" / "disk.img"
    os.chown(image, QEMU_UID, QEMU_UID)
    image.chmod(0o660)
    (overlays.folder(UID) / NAME).chmod(0o666)  # on the node itself root is root
    merge = merge_onto(folder / "claim")
    nobody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    with subprocess.Popen(["sleep", "1000"]) as finisher:
        try:
            seen = Process(finisher.pid, start_time(Path(f"/proc/{finisher.pid}")))
            given = pickle.dumps((folder / "state", dataclasses.replace(merge, finisher=seen)))
            subprocess.run([*nobody, sys.executable, "-c", SQUASHED], input=given, check=True)
        finally:
            finisher.kill()
    assert image.read_bytes() == expected()


def test_what_nobody_may_open_is_not_merged(place):
    folder, _ = place
    (folder / "claim" / "disk.img").chmod(0o600)
    nobody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    os.chown(folder / "claim" / "disk.img", 1, 1)
    given = pickle.dumps((folder / "state", merge_onto(folder / "claim")))
    done = subprocess.run(
        [*nobody, sys.executable, "-c", SQUASHED], input=given, capture_output=True, check=False
    )
    assert b"ImageUnreadable" in done.stderr
