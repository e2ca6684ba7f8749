"""Block volumes of a node: devices that the provider makes, and PersistentVolumes over them.

`provisioned.ProvisionedVolumes` is the same for classes whose driver makes them.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from functools import partial

from harness.cluster import Target
from harness.kube import wait_for
from harness.machine import Machine

CUT_OFF = """
file=$(losetup --noheadings --raw --output BACK-FILE "$1")
sync
blockdev --flushbufs "$1"
tail -c "+$(($2 + 1))" "$file" >"$file.end"
truncate --size "$2" "$file"
blockdev --flushbufs "$1"
"""
MEND = """
file=$(losetup --noheadings --raw --output BACK-FILE "$1")
cat "$file.end" >>"$file"
rm "$file.end"
blockdev --flushbufs "$1"
"""


IMMUTABLE = """
chattr "$2" "$(losetup --noheadings --raw --output BACK-FILE "$1")"
"""
"""Flag ``i``: the file under the device takes no write any more, open as it is, and the device
answers with an I/O error; reading goes on (measured: ext4, Linux 6.18)."""

FILL = """
tr '\\0' '\\377' </dev/zero | dd of="$1" bs=1M 2>/dev/null || true
sync
"""
CLEAR = """
dd if=/dev/zero of="$1" bs=1M 2>/dev/null || true
sync
"""
"""Until there is no room: that is how these end."""


def classes_of(target: Target) -> tuple[str, str]:
    """The cluster's classes for volumes of mode Block; it must have some."""
    found = target.provider.classes.block
    assert found is not None
    return found


@dataclasses.dataclass
class BlockVolumes:
    """Makes volumes, and takes them away again."""

    target: Target
    prefix: str
    devices: dict[str, str] = dataclasses.field(default_factory=dict)
    """The path of each volume's device."""
    nodes: dict[str, str] = dataclasses.field(default_factory=dict)
    """The node that each volume is of."""

    @property
    def classes(self) -> tuple[str, str]:
        """Where disks are at first, and where they are moved to; nobody else's.

        A claim is bound to any volume of its class that is free, also one that was made for a
        test that runs at the same time.
        """
        first, second = classes_of(self.target)
        return f"{self.prefix}-{first}", f"{self.prefix}-{second}"

    def make_classes(self) -> None:
        """Have both there; nothing provisions their volumes."""
        for name in self.classes:
            self.target.kube.apply(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "StorageClass",
                    "metadata": {"name": name},
                    "provisioner": "kubernetes.io/no-provisioner",
                    "volumeBindingMode": "WaitForFirstConsumer",
                    "reclaimPolicy": "Retain",
                }
            )

    def place(self, node: str) -> str | None:
        """The node on which a machine has to run whose volumes are made on that one."""
        return node

    def whole(self, size: int) -> int:
        """The bytes to ask for where at least so many are wanted: just those."""
        return size

    def make(self, node: str | None, storage_class: str, size: int, *, sector: int = 512) -> str:
        """A volume of exactly that many bytes, for one claim of the class; its name.

        Args:
            node: what `place` said.
            storage_class: one of `classes`.
            size: in bytes.
            sector: the size of its logical sectors in bytes.

        Raises:
            UnsupportedError: the provider makes no devices.
        """
        assert node is not None
        name = f"{self.prefix}-{len(self.devices)}"
        device = self.target.provider.make_device(node, name, size, sector=sector)
        self.devices[name], self.nodes[name] = device, node
        term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        where = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
        self.target.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": name},
                "spec": {
                    "capacity": {"storage": str(size)},
                    "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                    "volumeMode": "Block",
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": storage_class,
                    "local": {"path": device},
                    "nodeAffinity": {"required": where},
                },
            }
        )
        return name

    def make_used(self, node: str | None, storage_class: str, size: int) -> str:
        """The same, full of ones, as an earlier use would leave something."""
        name = self.make(node, storage_class, size)
        self._on_node(name, FILL)
        return name

    def fill(self, volume: str, claim: str, machine: Machine) -> None:
        """Have a volume that nobody uses hold ones; see `read`."""
        self.read(volume, claim, machine, FILL)

    def clear(self, volume: str, claim: str, machine: Machine) -> None:
        """Have a volume that nobody uses hold zeroes: it is made of them."""

    def read(self, volume: str, claim: str, machine: Machine, script: str) -> str:
        """What a script printed that is given the path of a device that nobody uses.

        Args:
            volume: what `make` said.
            claim: the claim that has the volume, or that will.
            machine: whose disk it was or is to be.
            script: for a shell.
        """
        return self._on_node(volume, script)

    def _on_node(self, volume: str, script: str) -> str:
        command = ["sh", "-euc", script, "sh", self.devices[volume]]
        return self.target.provider.node_exec(self.nodes[volume], command).stdout

    @contextlib.contextmanager
    def cut_off(self, node: str, name: str, size: int) -> Iterator[None]:
        """Have a volume that nobody uses answer with I/O errors behind so many bytes.

        The loop device keeps its size while the file under it has lost its end.
        """
        device = self.devices[name]
        self.target.provider.node_exec(node, ["sh", "-euc", CUT_OFF, "sh", device, str(size)])
        try:
            yield
        finally:
            self.target.provider.node_exec(node, ["sh", "-euc", MEND, "sh", device])

    @contextlib.contextmanager
    def unwritable(self, node: str, name: str) -> Iterator[None]:
        """Have a volume answer every write with an I/O error; it can be read as before."""
        change = ["sh", "-euc", IMMUTABLE, "sh", self.devices[name]]
        self.target.provider.node_exec(node, [*change, "+i"])
        try:
            yield
        finally:
            self.target.provider.node_exec(node, [*change, "-i"])

    def remove(self) -> None:
        """Remove all volumes, as soon as no claim has them any more, and the classes."""
        for name in self.devices:
            wait_for(f"the volume {name} to be let go", partial(self._is_free, name))
            self.target.kube.run("delete", "pv", name, "--ignore-not-found", "--wait=false")
            self.target.provider.remove_device(name)
        for name in self.classes:
            self.target.kube.run("delete", "storageclass", name, "--ignore-not-found")

    def _is_free(self, name: str) -> bool:
        volume = self.target.kube.get("pv", name, "default") or {}
        return volume.get("status", {}).get("phase") != "Bound"
