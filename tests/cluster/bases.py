"""The Debian base images, made with debootstrap because no registry of images is needed then."""

import shutil
from pathlib import Path

from cluster import paths
from cluster.buildah import buildah, image_id
from cluster.process import run

# What debootstrap copies from, or leaves on, the machine it ran on.
LEFTOVERS = ["etc/resolv.conf", "etc/hostname", "var/log/bootstrap.log", "var/cache/apt/*.bin"]


def reference(suite: str) -> str:
    """The name a Containerfile's ARG BASE is given for a Debian suite."""
    return f"localhost/detour-base-{suite}:dev"


def ensure(suite: str) -> str:
    """Makes a suite's base image unless it is there already.

    Args:
        suite: A Debian suite such as "trixie".

    Returns:
        The image's id.

    Raises:
        CommandError: debootstrap or buildah failed.
    """
    return image_id(reference(suite)) or _make(suite)


def _make(suite: str) -> str:
    root = paths.cache() / "rootfs" / suite
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    # A half-made root of an interrupted run has been removed above: debootstrap cannot resume.
    run(["debootstrap", "--variant=minbase", suite, root])
    _clean(root)
    container = buildah("from", "scratch").stdout.strip()
    try:
        buildah("add", "--quiet", container, root, "/")
        buildah("config", "--cmd", "/bin/bash", container)
        buildah("commit", "--quiet", container, reference(suite))
    finally:
        buildah("rm", container)
    shutil.rmtree(root)
    made = image_id(reference(suite))
    if made is None:
        raise LookupError(f"{reference(suite)} was committed, yet it is not in the store")
    return made


def _clean(root: Path) -> None:
    run(["chroot", root, "apt-get", "clean"])
    for pattern in LEFTOVERS:
        for path in root.glob(pattern):
            path.unlink()
