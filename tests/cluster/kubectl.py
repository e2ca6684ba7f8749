"""kubectl, and what every provider does with it."""

import json
from pathlib import Path
from typing import Any

from cluster import paths
from cluster.given import Had, SnapshotClass
from cluster.process import CommandError, run

STORAGE = paths.CLUSTER_SOURCES / "storage"
SNAPSHOT_CLASSES = "volumesnapshotclasses.snapshot.storage.k8s.io"
DEFAULT_SNAPSHOT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"


class Kubectl:
    """The built kubectl with one cluster's kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    def __call__(self, *words: str | Path, stdin: str | None = None, timeout: float = 300) -> str:
        """Runs kubectl and returns what it wrote.

        Raises:
            CommandError: It ended with another code than 0.
        """
        program = [str(paths.binaries() / "kubectl"), f"--kubeconfig={self._kubeconfig}"]
        return run([*program, *words], stdin=stdin, timeout=timeout).stdout

    def answers(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return self("get", "--raw=/readyz", "--request-timeout=5s", timeout=30) == "ok"
        except CommandError:
            return False

    def ready_nodes(self) -> set[str]:
        """The names of the nodes that are Ready now; none while the API server does not answer."""
        condition = '{.status.conditions[?(@.type=="Ready")].status}'
        template = "{range .items[*]}{.metadata.name} " + condition + '{"\\n"}{end}'
        try:
            listed = self("get", "nodes", f"-o=jsonpath={template}", "--request-timeout=5s")
        except CommandError:
            return set()
        pairs = (line.split() for line in listed.splitlines())
        return {pair[0] for pair in pairs if pair[1:] == ["True"]}

    def last_sign(self, node: str) -> str | None:
        """When the node's kubelet last renewed its lease; None when nothing is known of one.

        A node that has lost its power is Ready for almost a minute longer, but gives no sign.
        """
        words = ["--namespace=kube-node-lease", "-o=jsonpath={.spec.renewTime}"]
        try:
            return self("get", "lease", node, *words, "--request-timeout=5s") or None
        except CommandError:
            return None

    def back(self, node: str, before: str | None) -> bool:
        """Whether a node is Ready and has given a sign since `last_sign` was `before`."""
        return self.last_sign(node) not in {None, before} and node in self.ready_nodes()

    def forget_api_server(self, machine: str) -> None:
        """Deletes the lease of one that has gone, which else stands for an hour."""
        selector = f"--selector=kubernetes.io/hostname={machine}"
        self("delete", "leases", "--namespace=kube-system", selector)

    def classes(self) -> Had:
        """The classes for volumes and for snapshots."""
        found = json.loads(self("get", "storageclasses", "--output=json"))["items"]
        provisioners = {item["metadata"]["name"]: item["provisioner"] for item in found}
        if not self("get", "crd", SNAPSHOT_CLASSES, "--ignore-not-found", "--output=name"):
            return Had(provisioners, None)
        listed = json.loads(self("get", SNAPSHOT_CLASSES, "--output=json"))["items"]
        return Had(
            provisioners, {item["metadata"]["name"]: _snapshot_class(item) for item in listed}
        )

    def apply_storage(self) -> None:
        """Makes the storage classes, and waits for what provisions them.

        Raises:
            CommandError: The provisioner did not come up.
        """
        self("apply", "--server-side", "--force-conflicts", f"--filename={STORAGE}")
        words = ["--namespace=local-path-storage", "deployment/local-path-provisioner"]
        self("rollout", "status", "--timeout=240s", *words)


def _snapshot_class(item: dict[str, Any]) -> SnapshotClass:
    annotations = item["metadata"].get("annotations", {})
    default = annotations.get(DEFAULT_SNAPSHOT_CLASS) == "true"
    return SnapshotClass(item["driver"], default, item["deletionPolicy"] == "Delete")
