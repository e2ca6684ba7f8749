"""The local cluster: Kubernetes' own programs as child processes, two nodes, nothing pulled."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import images, paths, tools
from cluster.kubectl import Kubectl
from cluster.local import cgroups, devices, disks, layout, leftovers, machines, network
from cluster.local.layout import CONTROL_PLANE, SECOND_SERVER, Node
from cluster.process import CommandError, locked, run, wait_until
from cluster.provider import StorageClasses

SYSTEM_IMAGES = ("detour-busybox", "detour-local-path-provisioner")


class LocalProvider:
    """Makes and takes away the local cluster; see `provider.Provider` for its methods."""

    name = "local"
    classes = StorageClasses(
        "local-path",
        "local-path-second",
        "shared",
        ("block", "block-second"),
        ("csi", "csi-second"),
        "csi",
        ours=True,
    )

    def create(self) -> None:
        """Makes the cluster, or starts what is missing of one that was made before.

        A cluster whose making was interrupted, or that does not get healthy any more, is taken
        away and made again.
        """
        run([paths.CLUSTER_SOURCES / "setup.sh"])
        with locked(paths.cache() / "cluster.lock"):
            if self._resumed():
                self._kubectl.apply_storage()
            else:
                self.destroy()
                self._make()

    def _resumed(self) -> bool:
        if not self._complete.exists():
            return False
        try:
            for machine in (CONTROL_PLANE, *self.nodes()):
                self.power_on(machine)
        except (TimeoutError, CommandError):
            return False
        return True

    def _make(self) -> None:
        tools.ensure("kubectl", "helm")
        archives = [images.archive(name) for name in SYSTEM_IMAGES]
        disks.prepare()
        for machine in (CONTROL_PLANE, *self.nodes()):
            self.power_on(machine)
        for archive in archives:
            self.load_image(archive)
        self._kubectl.apply_storage()
        self._complete.touch()

    def load_image(self, archive: Path) -> None:
        """Imports an archive on the nodes that do not have this very one."""
        with archive.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        # containerd waits for the disk most of the time: one node's import costs the other little.
        with ThreadPoolExecutor(len(layout.NODES)) as pool:
            list(pool.map(lambda node: _load(node, archive, digest), layout.NODES))

    def kubeconfig(self) -> Path:
        """An administrator's access to the API server."""
        return layout.kubeconfig()

    def nodes(self) -> list[str]:
        """node-1 and node-2."""
        return [node.name for node in layout.NODES]

    def node_exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 120,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program inside a node's namespaces; LookupError while it has no power."""
        return machines.execute(node, argv, check=check, timeout=timeout, stdin=stdin)

    def make_device(self, node: str, name: str, size: int, *, sector: int = 512) -> str:
        """A loop device over a sparse file; nodes have the devices of the host."""
        return devices.make(node, name, size, sector)

    def remove_device(self, name: str) -> None:
        """Detaches the loop device, and those that kubelets put over it."""
        devices.remove(name)

    def add_api_server(self) -> str:
        """Starts a second one, of the same etcd, as a machine of its own."""
        if machines.running(SECOND_SERVER) is None:
            disks.prepare_second_server()
            network.add_address(layout.SECOND_ADDRESS)
            arguments = [str(layout.folder(SECOND_SERVER)), SECOND_SERVER]
            machines.start(SECOND_SERVER, "control-plane.sh", arguments, network=False)
        return f"https://{layout.SECOND_ADDRESS}:{layout.API_PORT}"

    def remove_api_server(self) -> None:
        """Kills the second one; no address and no lease tells of it afterwards."""
        machines.kill(SECOND_SERVER)
        network.remove_address(layout.SECOND_ADDRESS)
        self._kubectl.forget_api_server(SECOND_SERVER)

    def power_off(self, node: str) -> None:
        """Kills a machine's first process, and with it every process of the machine.

        What its programs wrote without fsync is kept, unlike on a real one: the page cache is
        the host's.
        """
        machines.kill(node)
        if node != CONTROL_PLANE:
            network.unplug(layout.node(node))
            cgroups.remove(layout.node(node))
            devices.power_off(node)

    def power_on(self, node: str) -> None:
        """Starts a machine, unless it runs, and waits until it does its work."""
        if node == CONTROL_PLANE:
            if machines.running(node) is None:
                network.make_bridge()
                arguments = [str(layout.folder(node)), node]
                machines.start(node, "control-plane.sh", arguments, network=False)
            wait_until(self._kubectl.answers, "the API server")
        elif machines.running(node) is None:
            before = self._kubectl.last_sign(node)
            _start(layout.node(node))
            wait_until(lambda: self._kubectl.back(node, before), f"{node} to be Ready")
        else:
            wait_until(lambda: node in self._kubectl.ready_nodes(), f"{node} to be Ready")

    def destroy(self) -> None:
        """Kills all machines and removes what they left.

        Raises:
            RuntimeError: Something of the cluster is still there.
        """
        machines.kill(SECOND_SERVER)
        for machine in (*self.nodes(), CONTROL_PLANE):
            self.power_off(machine)
        network.remove()
        devices.detach_all()
        shutil.rmtree(layout.state(), ignore_errors=True)
        found = leftovers.find()
        if found:
            raise RuntimeError("the cluster left behind: " + "; ".join(found))

    @property
    def _complete(self) -> Path:
        return layout.state() / "complete"

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig())


def _start(node: Node) -> None:
    cgroups.make(node)
    others = [other for other in layout.NODES if other != node]
    routes = [word for other in others for word in (other.pod_subnet, other.address)]
    places = [str(layout.folder(node.name)), str(paths.binaries())]
    places += [str(layout.state() / "logs"), str(layout.state() / "shared-volumes")]
    arguments = [*places, node.name, node.address, layout.GATEWAY, *routes]
    pid = machines.start(node.name, "node.sh", arguments, network=True)
    network.plug_in(node, pid)


def _load(node: Node, archive: Path, digest: str) -> None:
    record = layout.folder(node.name) / "images.json"
    with locked(layout.folder(node.name) / "images.lock"):
        loaded = json.loads(record.read_text()) if record.exists() else {}
        if loaded.get(archive.name) == digest:
            return
        ctr = [*machines.enter(node.name), "ctr", "--namespace=k8s.io"]
        wait_until(lambda: run([*ctr, "version"], check=False).returncode == 0, "containerd")
        with archive.open("rb") as content:
            run([*ctr, "images", "import", "-"], stdin=content)
        record.write_text(json.dumps({**loaded, archive.name: digest}, indent=2) + "\n")
