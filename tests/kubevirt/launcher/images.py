"""What the launcher looks at, and does, with the images of a VM's volumes."""

import errno
import fcntl
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

from . import paths, spec
from .domain_xml import DiskFacts

log = logging.getLogger("virt-launcher")
BLKSSZGET, BLKPBSZGET = 0x1268, 0x127B


def facts(vmi: dict) -> dict[str, DiskFacts]:
    """What is there for each claim volume; one that is plugged but not mounted yet is left out."""
    found = {}
    for volume in spec.claim_volumes(vmi):
        name = volume["name"]
        if spec.is_hotplugged(vmi, name):
            block = spec.is_block(vmi, name)
            if os.path.exists(paths.hotplug_disk(name, block=block)):
                found[name] = DiskFacts(block=block, hotplugged=True)
            continue
        block = is_block_volume(name)
        path = paths.block_device(name) if block else paths.filesystem_image(name)
        found[name] = DiskFacts(
            block=block,
            direct_io=takes_direct_io(path),
            preallocated=not block and is_preallocated(path),
            sectors=sector_sizes(path, block=block),
        )
    return found


def is_block_volume(name: str) -> bool:
    """Whether the volume is a device: the node first, then the image (KubeVirt facts 2 and 3)."""
    try:
        mode = os.stat(paths.block_device(name)).st_mode
    except FileNotFoundError:
        if stat.S_ISREG(os.stat(paths.filesystem_image(name)).st_mode):
            return False
        raise
    if not stat.S_ISBLK(mode):
        raise OSError(errno.ENOTBLK, "found it, but it's not a block device", name)
    return True


def takes_direct_io(path: str) -> bool:
    """Whether the file can be opened past the page cache, on which `cache` depends.

    KubeVirt facts 2.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def is_preallocated(path: str) -> bool:
    """Whether every byte of the image has its place on the disk, on which `io` depends."""
    found = os.stat(path)
    return found.st_blocks * 512 >= found.st_size > 0


def sector_sizes(path: str, *, block: bool) -> tuple[int, int]:
    """A device's logical and physical sectors; of a file, the blocks of its file system, twice.

    pkg/virt-launcher/virtwrap/converter/converter.go, getOptimalBlockIO.
    """
    if not block:
        size = os.statvfs(path).f_bsize
        return size, size
    descriptor = os.open(path, os.O_RDONLY)
    try:
        answers = [fcntl.ioctl(descriptor, call, bytes(4)) for call in (BLKSSZGET, BLKPBSZGET)]
    finally:
        os.close(descriptor)
    logical, physical = (int.from_bytes(answer, sys.byteorder) for answer in answers)
    return logical, physical


def create_missing(vmi: dict) -> None:
    """Creates an empty sparse image where a filesystem claim has none.

    KubeVirt facts 7, DiskImgCreator.
    """
    for volume in spec.claim_volumes(vmi):
        name = volume["name"]
        info = spec.claim_info(vmi, name)
        path = Path(paths.filesystem_image(name))
        if spec.is_hotplugged(vmi, name) or not path.parent.is_dir() or path.exists():
            continue
        size = spec.disk_capacity(info)
        if not size:
            raise ValueError(f"the size for volume {name} is too low, must be at least 1MiB")
        with path.open("wb") as image:
            image.truncate(size)


def grow_before_start(vmi: dict) -> None:
    """Grows images smaller than their claim allows, as KubeVirt does before it starts a guest.

    KubeVirt facts 3.
    """
    for volume in spec.claim_volumes(vmi):
        name = volume["name"]
        path = paths.filesystem_image(name)
        size = spec.possible_guest_size(spec.claim_info(vmi, name))
        if spec.is_hotplugged(vmi, name) or not os.path.exists(path) or size is None:
            continue
        if size > os.path.getsize(path):
            log.info("pre-start expansion of image %s to size %d", path, size)
            kind = "falloc" if is_preallocated(path) else "off"
            subprocess.run(
                ["qemu-img", "resize", "-f", "raw", f"--preallocation={kind}", path, str(size)],
                check=True,
            )
