"""Taking mounts away."""

import subprocess
import time
from pathlib import Path


def unmount(place: Path, seconds: float = 60) -> None:
    """Unmount what may be in use for a moment yet.

    A loop device lets go of its file a while after it was unmounted or detached itself.
    """
    give_up = time.monotonic() + seconds
    while subprocess.run(["umount", place], check=False).returncode:
        assert time.monotonic() < give_up, f"{place} is in use for ever"
        time.sleep(0.1)
