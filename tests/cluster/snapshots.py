"""The custom resources of VolumeSnapshots, as their published module has them."""

from pathlib import Path

from cluster import tools

MODULE = "github.com/kubernetes-csi/external-snapshotter/client/v8"
NAMES = tuple(
    f"{plural}.snapshot.storage.k8s.io"
    for plural in ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")
)


def definitions() -> list[Path]:
    """The files of their definitions.

    Raises:
        CommandError: The module cannot be downloaded.
    """
    folder = tools.source(MODULE, "csi") / "config" / "crd"
    return sorted(folder.glob("snapshot.storage.k8s.io_*.yaml"))
