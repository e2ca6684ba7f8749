"""Buildah with a store of its own below the cache: removing the cache removes all of it."""

import subprocess
from pathlib import Path

from cluster import paths
from cluster.process import run

STORE = "buildah"


def buildah(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs buildah on our store.

    Raises:
        CommandError: It failed, and `check` was asked for.
    """
    store = paths.cache() / STORE
    program: list[str | Path] = ["buildah", "--root", store / "store", "--runroot", store / "run"]
    return run([*program, *words], check=check)


def image_id(reference: str) -> str | None:
    """The id of an image in the store, or None when it is not there."""
    words = ["inspect", "--type", "image", "--format", "{{.FromImageID}}", reference]
    found = buildah(*words, check=False)
    return found.stdout.strip() if found.returncode == 0 else None


def layers() -> int:
    """How many layers the store holds, those of no image with a name included."""
    folder = paths.cache() / STORE / "store" / "overlay"
    return len(list(folder.iterdir())) if folder.exists() else 0
