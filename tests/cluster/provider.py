"""The one interface to a cluster, whatever it is made of."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class UnsupportedError(Exception):
    """This kind of cluster cannot do what was asked for."""


@dataclass(frozen=True)
class StorageClasses:
    """Names of storage classes.

    Attributes:
        source: Where the disks of the tests are at first.
        destination: Where they are moved to.
        shared: A class whose volumes every node can write at once (ReadWriteMany), or None.
        block: Where claims of the mode Block are at first and where they are moved to, or None;
            the two may be the same.
        csi: The same of one CSI driver that makes snapshots and clones of what is in use, or None.
        snapshot_class: The VolumeSnapshotClass of that driver.
        ours: Whether `block` has no provisioner, for volumes over `Provider.make_device`, and
            `csi` is of the driver in tests/storage/csi, which the harness installs. Tests can
            have only those fail.
    """

    source: str
    destination: str
    shared: str | None = None
    block: tuple[str, str] | None = None
    csi: tuple[str, str] | None = None
    snapshot_class: str | None = None
    ours: bool = False

    @property
    def csi_block(self) -> bool:
        """Whether claims of `csi` may be of the mode Block: our driver's, or those of `block`."""
        return self.csi is not None and (self.ours or set(self.csi) <= set(self.block or ()))


class Provider(Protocol):
    """A cluster that can be made, used and taken away.

    All methods may raise `process.CommandError` with the words of the program that failed.
    """

    @property
    def name(self) -> str:
        """The word that chooses it in the variable PROVIDER."""
        ...

    @property
    def classes(self) -> StorageClasses:
        """The storage classes that tests may use."""
        ...

    def create(self) -> None:
        """Makes the cluster with its storage classes; leaves a healthy one as it is."""
        ...

    def load_image(self, archive: Path) -> None:
        """Puts a docker archive's image on every node that does not have this very archive."""
        ...

    def kubeconfig(self) -> Path:
        """An administrator's access to the API server."""
        ...

    def nodes(self) -> list[str]:
        """The names of the nodes on which pods run."""
        ...

    def node_exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 120,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program on a node itself, beside its pods.

        Args:
            node: One of `nodes`.
            argv: The program and its arguments; no shell is between.
            check: Whether another code than 0 is an error.
            timeout: Seconds until the program is killed, or None for no limit.
            stdin: What it reads.
        """
        ...

    def make_device(self, node: str, name: str, size: int, *, sector: int = 512) -> str:
        """Makes a block device full of zeroes on a node, and returns its path there.

        Args:
            node: One of `nodes`.
            name: Its name, of which there is one on all nodes.
            size: In bytes, a multiple of `sector`.
            sector: The size of its logical sectors in bytes.
        """
        ...

    def remove_device(self, name: str) -> None:
        """Takes a device away, with all it holds; none of that name is no error."""
        ...

    def add_api_server(self) -> str:
        """Starts one more API server of the same cluster, and returns where it will answer."""
        ...

    def remove_api_server(self) -> None:
        """Ends what `add_api_server` started without telling it; none is no error."""
        ...

    def power_off(self, node: str) -> None:
        """Cuts a node's power: no process of it is told, and none is left when this returns.

        "control-plane" stands for the machine of the API server.
        """
        ...

    def power_on(self, node: str) -> None:
        """Starts a node with the disk it had, and waits until it is Ready."""
        ...

    def destroy(self) -> None:
        """Takes the cluster and all it left on this machine away; no cluster is no error."""
        ...
