"""Gives a VM's images and devices to uid 107 before it starts, as virt-handler does.

KubeVirt facts 1 and 7.
"""

import os
from pathlib import Path

from kubevirt.launcher import paths
from kubevirt.launcher.spec import claim_volumes, is_hotplugged


def give_volumes(vmi: dict, launcher_pid: int) -> None:
    """Changes the owner of disk.img, of a claim that has none yet, and of block devices."""
    root = Path(f"/proc/{launcher_pid}/root")
    for volume in claim_volumes(vmi):
        name = volume["name"]
        if is_hotplugged(vmi, name):
            continue
        device = root / paths.block_device(name).lstrip("/")
        image = root / paths.filesystem_image(name).lstrip("/")
        for place in (device, image, image.parent):
            if place.exists():
                os.chown(place, paths.NON_ROOT, paths.NON_ROOT)
                break
