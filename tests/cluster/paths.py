"""Where the clusters and the images keep their files."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER_SOURCES = REPOSITORY / "tests" / "cluster"


def cache() -> Path:
    """What can be made again but takes long: programs, images, base systems."""
    return Path(os.environ.get("DETOUR_CACHE") or REPOSITORY / ".cache").absolute()


def binaries() -> Path:
    """The programs that `tools` builds."""
    return cache() / "bin"


def state() -> Path:
    """What belongs to the running cluster and goes away with it."""
    return REPOSITORY / ".cluster"
