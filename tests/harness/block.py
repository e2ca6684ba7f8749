"""Block volumes of a node: devices that the provider makes, and PersistentVolumes over them."""

import contextlib
import dataclasses
from collections.abc import Iterator
from functools import partial

from harness.cluster import Target
from harness.kube import wait_for

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


@dataclasses.dataclass
class BlockVolumes:
    """Makes volumes, and takes them away again."""

    target: Target
    prefix: str
    devices: dict[str, str] = dataclasses.field(default_factory=dict)
    """The path of each volume's device."""

    def make(self, node: str, storage_class: str, size: int, *, sector: int = 512) -> str:
        """A volume of exactly that many bytes, for one claim of the class; its name.

        Raises:
            UnsupportedError: the provider makes no devices.
        """
        name = f"{self.prefix}-{len(self.devices)}"
        device = self.target.provider.make_device(node, name, size, sector=sector)
        self.devices[name] = device
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

    def fill(self, node: str, name: str) -> None:
        """Have a volume that nobody uses hold ones, as an earlier use would leave something."""
        fill = f"tr '\\0' '\\377' </dev/zero | dd of={self.devices[name]} bs=1M 2>/dev/null; true"
        self.target.provider.node_exec(node, ["sh", "-c", f"{fill}; sync"])

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
        """Remove all volumes, as soon as no claim has them any more."""
        for name in self.devices:
            wait_for(f"the volume {name} to be let go", partial(self._is_free, name))
            self.target.kube.run("delete", "pv", name, "--ignore-not-found", "--wait=false")
            self.target.provider.remove_device(name)

    def _is_free(self, name: str) -> bool:
        volume = self.target.kube.get("pv", name, "default") or {}
        return volume.get("status", {}).get("phase") != "Bound"
