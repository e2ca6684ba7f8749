"""Finds what the local cluster left on this host, without trusting any record of it."""

import contextlib
import re
from pathlib import Path

from cluster.local import cgroups, devices, layout, network

NAMESPACE = re.compile(r"net:\[(\d+)\]")
"""The root of such a mount, with the namespace's inode (proc(5), namespaces(7))."""


def find() -> list[str]:
    """A line for everything of the cluster that is there, even while it is meant to be."""
    interfaces = [layout.BRIDGE, *(node.interface for node in layout.NODES)]
    return [
        *(f"interface {name}" for name in interfaces if network.exists(name)),
        *(f"control group {group}" for group in cgroups.left()),
        *(f"mount {place}" for place in _mounts()),
        *(f"network namespace {place}" for place in _namespaces(_mountinfo(), _in_use())),
        *(f"process {words}" for words in _processes()),
        *(f"loop device {name}" for name in devices.attached()),
        *([f"folder {layout.state()}"] if layout.state().exists() else []),
    ]


def _mounts() -> list[str]:
    """Mounts of the host on, or of something in, the cluster's folder."""
    folder = str(layout.state())
    return [line.split()[4] for line in _mountinfo() if folder in line]


def _mountinfo() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def _namespaces(mountinfo: list[str], in_use: set[int]) -> list[str]:
    """Where the host has network namespaces mounted, under containerd's names, that are empty.

    Those of a node's pods are mounted in the node's own mount namespace and go with it; one that
    is seen here has got out. A pod of the host's own containerd has processes.
    """
    found = []
    for line in mountinfo:
        _, _, _, root, place, *_ = line.split()
        named = NAMESPACE.fullmatch(root)
        if named and Path(place).name.startswith("cni-") and int(named[1]) not in in_use:
            found.append(place)
    return found


def _in_use() -> set[int]:
    """Numbers of the network namespaces that processes are in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.add(path.stat().st_ino)
    return found


def _processes() -> list[str]:
    """Processes whose command line names the cluster's folder, or what its nodes see of it."""
    return _processes_of(f"{layout.state()}/", layout.NODE_FOLDER, layout.NODE_BINARIES)


def _processes_of(*words: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(word in line for word in words):
            found.append(f"{path.parent.name}: {line[:120]}")
    return found
