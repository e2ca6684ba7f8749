"""What the copier is measured against."""

import os
import shutil
import subprocess

from bench.images import Place
from bench.record import ROOT

SETUP = ROOT / "tests" / "cluster" / "setup.sh"
NBDCOPY_PACKAGE = "libnbd-bin"
NBDCOPY = "nbdcopy"


def install_nbdcopy() -> str:
    """Have nbdcopy here; why it is not, or nothing."""
    if shutil.which(NBDCOPY):
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"nbdcopy is not installed here, and cannot be: it is in {NBDCOPY_PACKAGE}"
    done = subprocess.run([SETUP, NBDCOPY_PACKAGE], capture_output=True, text=True, check=False)
    if shutil.which(NBDCOPY):
        return ""
    last = " ".join((done.stderr.strip().splitlines() or ["no word of why"])[-1:])
    return f"nbdcopy is not installed here: {NBDCOPY_PACKAGE} could not be installed: {last}"


def copies(source: Place, destination: Place) -> dict[str, list[str]]:
    """The commands that copy an image, by the names of this page."""
    paths = [str(source.path), str(destination.path)]
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "raw"]
    if destination.block:
        convert.append("-n")
    found = {
        "cp --sparse=always": ["cp", "--sparse=always", *paths],
        "qemu-img convert": [*convert, *paths],
        "qemu-img convert -T none -t none": [*convert, "-T", "none", "-t", "none", *paths],
    }
    if shutil.which(NBDCOPY):
        found[NBDCOPY] = [NBDCOPY, *paths]
    return found


def checksums(source: Place, destination: Place) -> list[str]:
    """Both at once."""
    script = 'sha256sum "$1" & sha256sum "$2" & wait'
    return ["sh", "-c", script, "sh", str(source.path), str(destination.path)]
