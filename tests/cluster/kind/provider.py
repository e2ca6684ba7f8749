"""The cluster in a Docker engine, made by kind."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cluster import images, paths, tools
from cluster.kind import hostpath, releases
from cluster.kubectl import Kubectl
from cluster.process import CommandError, locked, run, wait_until
from cluster.provider import StorageClasses, UnsupportedError

CLUSTER = "detour"
SOURCES = Path(__file__).parent
CONTROL_PLANE = "control-plane"
SYSTEM_IMAGES = ("detour-busybox", "detour-local-path-provisioner")


class KindProvider:
    """Makes and takes away the kind cluster; see `provider.Provider` for its methods."""

    name = "kind"
    classes = StorageClasses(
        "local-path",
        "local-path-second",
        "shared",
        hostpath.CLASSES,
        hostpath.CLASSES,
        hostpath.SNAPSHOT_CLASS,
    )

    def create(self) -> None:
        """Makes the cluster with storage classes and KubeVirt; what is there already is kept."""
        run([paths.CLUSTER_SOURCES / "setup.sh"])
        tools.ensure("kubectl", "helm", "kind")
        with locked(paths.cache() / "cluster.lock"):
            if CLUSTER not in self._kind("get", "clusters").split():
                self._make()
            self._kind("export", "kubeconfig", self._access)
            wait_until(lambda: set(self.nodes()) <= self._kubectl.ready_nodes(), "the nodes", 300)
            for name in SYSTEM_IMAGES:
                self.load_image(images.archive(name))
            self._storage()
            self._kubevirt()

    def _make(self) -> None:
        shared = paths.state() / "kind" / "shared-volumes"
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o777)
        image = releases.chosen().node_image
        config = SOURCES / "cluster.yaml"
        self._kind("create", "cluster", f"--config={config}", f"--image={image}", self._access)

    def _storage(self) -> None:
        self._kubectl.apply_storage()
        # Only one class may be the default, and kind brings one of its own.
        annotation = "storageclass.kubernetes.io/is-default-class=false"
        self._kubectl("annotate", "--overwrite", "storageclass", "standard", annotation)
        hostpath.install(self._kubectl)

    def _kubevirt(self) -> None:
        """Installs KubeVirt's release and waits until it is Available."""
        manifest = releases.chosen().operator_manifest
        self._kubectl("apply", "--server-side", "--force-conflicts", f"--filename={manifest}")
        established = [
            "--for=condition=Established",
            "customresourcedefinition/kubevirts.kubevirt.io",
        ]
        self._kubectl("wait", *established, "--timeout=120s")
        self._kubectl("apply", "--server-side", f"--filename={SOURCES / 'kubevirt.yaml'}")
        available = ["--for=condition=Available", "--namespace=kubevirt", "kubevirt/kubevirt"]
        self._kubectl("wait", *available, "--timeout=900s", timeout=960)

    def load_image(self, archive: Path) -> None:
        """Lets kind import the archive on all nodes."""
        self._kind("load", "image-archive", archive)

    def kubeconfig(self) -> Path:
        """An administrator's access to the API server."""
        return paths.state() / "kind" / "kubeconfig"

    def nodes(self) -> list[str]:
        """The workers."""
        return sorted(name for name in self._kind("get", "nodes").split() if "worker" in name)

    def node_exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 120,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the node's container."""
        words = ["docker", "exec", "--interactive", "--privileged", node, *argv]
        return run(words, check=check, timeout=timeout, stdin=stdin)

    def make_device(self, node: str, name: str, size: int, *, sector: int = 512) -> str:
        """Not to be had: the nodes' devices are not ours."""
        raise UnsupportedError(f"no block devices can be made on {node}")

    def remove_device(self, name: str) -> None:
        """There is none."""

    def add_api_server(self) -> str:
        """Not possible."""
        raise UnsupportedError("no API server can be added to this cluster")

    def remove_api_server(self) -> None:
        """Nothing was added."""

    def power_off(self, node: str) -> None:
        """Kills the node's container; one that is stopped already is no error."""
        container = _container(node)
        run(["docker", "kill", "--signal=KILL", container], check=False)
        wait_until(lambda: not _running(container), f"the end of {container}")

    def power_on(self, node: str) -> None:
        """Starts the node's container, unless it runs, and waits until the node is Ready."""
        container = _container(node)
        before = None if _running(container) else self._kubectl.last_sign(node)
        run(["docker", "start", container])
        if node == CONTROL_PLANE:
            wait_until(self._kubectl.answers, "the API server", 300)
        else:
            wait_until(lambda: self._kubectl.back(node, before), f"{node} to be Ready", 300)

    def destroy(self) -> None:
        """Removes the cluster and its folder."""
        tools.ensure("kind")
        self._kind("delete", "cluster", self._access)
        shutil.rmtree(paths.state() / "kind", ignore_errors=True)

    @property
    def _access(self) -> str:
        """Without it kind would write into the user's own kubeconfig."""
        return f"--kubeconfig={self.kubeconfig()}"

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig())

    def _kind(self, *words: str | Path) -> str:
        program = paths.binaries() / "kind"
        named = words if words[:2] == ("get", "clusters") else (*words, f"--name={CLUSTER}")
        # The repository is where the paths of cluster.yaml start.
        return run([program, *named], cwd=paths.REPOSITORY).stdout


def _container(node: str) -> str:
    return f"{CLUSTER}-{CONTROL_PLANE}" if node == CONTROL_PLANE else node


def _running(container: str) -> bool:
    try:
        state = run(["docker", "inspect", "--format={{.State.Running}}", container]).stdout
    except CommandError as error:
        raise LookupError(f"there is no node {container}") from error
    return state.strip() == "true"
