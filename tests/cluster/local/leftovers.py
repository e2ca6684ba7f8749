"""Finds what the local cluster left on this host, without trusting any record of it."""

from pathlib import Path

from cluster.local import cgroups, devices, layout, network


def find() -> list[str]:
    """A line for everything of the cluster that is there, even while it is meant to be."""
    interfaces = [layout.BRIDGE, *(node.interface for node in layout.NODES)]
    return [
        *(f"interface {name}" for name in interfaces if network.exists(name)),
        *(f"control group {group}" for group in cgroups.left()),
        *(f"mount {place}" for place in _mounts()),
        *(f"process {words}" for words in _processes()),
        *(f"loop device {name}" for name in devices.attached()),
        *([f"folder {layout.state()}"] if layout.state().exists() else []),
    ]


def _mounts() -> list[str]:
    """Mounts of the host on, or of something in, the cluster's folder."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    folder = str(layout.state())
    return [line.split()[4] for line in lines if folder in line]


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
