"""Paths inside a container: a link that somebody inside made leads nowhere."""

import os
from pathlib import Path

import pytest

from detour_agent.privileged.paths import (
    FOLDER,
    folder_in,
    image_in,
    is_image,
    open_seen,
    own_descriptors,
)

PRIVATE = "/var/run/kubevirt-private/vmi-disks"


@pytest.fixture
def root(tmp_path: Path):
    """A launcher's root, in which /var/run is a link."""
    (tmp_path / "run/kubevirt-private/vmi-disks/root").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    (tmp_path / "run/kubevirt-private/vmi-disks/root/disk.img").touch()
    return tmp_path


def found(root: Path, path: str) -> os.stat_result | None:
    descriptor = os.open(root, FOLDER)
    try:
        with folder_in(descriptor, path) as folder:
            return image_in(folder, "disk.img")
    finally:
        os.close(descriptor)


def test_the_image_s_own_link_is_followed_inside_the_root(root: Path):
    image = root / "run/kubevirt-private/vmi-disks/root/disk.img"
    assert found(root, f"{PRIVATE}/root").st_ino == image.stat().st_ino
    assert found(root, "/run/kubevirt-private/vmi-disks/root").st_ino == image.stat().st_ino


@pytest.mark.parametrize("target", ["/etc", "../../..", "root"])
def test_a_link_instead_of_the_volume_is_refused(root: Path, target: str):
    (root / "run/kubevirt-private/vmi-disks/other").symlink_to(target)
    with pytest.raises(OSError, match="other"):
        found(root, f"{PRIVATE}/other")


def test_the_way_out_is_closed(root: Path):
    with pytest.raises(OSError, match="kubevirt-private"):
        found(root, f"{PRIVATE}/../../../../..")


def test_a_link_instead_of_the_image_is_seen_as_one(root: Path):
    image = root / "run/kubevirt-private/vmi-disks/root/disk.img"
    assert is_image(found(root, f"{PRIVATE}/root"))
    image.unlink()
    assert found(root, f"{PRIVATE}/root") is None
    image.symlink_to("/etc/hostname")
    assert not is_image(found(root, f"{PRIVATE}/root"))


@pytest.mark.parametrize(
    ("make", "opens"),
    [
        (Path.touch, True),
        (os.mkfifo, False),
        (lambda path: path.symlink_to("/dev/null"), False),
        (Path.mkdir, False),
    ],
    ids=["a file", "a pipe", "a link", "a folder"],
)
def test_only_what_was_seen_to_be_a_file_is_opened_for_use(tmp_path, make, opens):
    """Some devices do something when they are opened or closed: a watchdog resets the node."""
    make(tmp_path / "disk.img")
    own, folder = own_descriptors(), os.open(tmp_path, FOLDER)
    try:
        found = open_seen(folder, "disk.img", os.O_RDWR, own, is_image)
        assert (found is not None) is opens
        if found is not None:
            assert os.write(found, b"x") == 1
            os.close(found)
    finally:
        os.close(own)
        os.close(folder)
