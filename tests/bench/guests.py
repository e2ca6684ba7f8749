"""What the parts that need a cluster share: a clean namespace, and the verifier's word."""

from harness import cluster
from harness.kube import Kube, wait_for
from harness.machine import Verdict


def fresh_namespace(kube: Kube, name: str) -> None:
    """A namespace in which nothing of an earlier run is left."""
    if kube.run("get", "namespace", name, "--ignore-not-found"):
        cluster.remove_namespace(kube, name)
    wait_for(
        "the namespace of an earlier run to go",
        lambda: not kube.run("get", "namespace", name, "--ignore-not-found"),
    )
    kube.run("create", "namespace", name)


def words(verdict: Verdict) -> str:
    """A verdict in short."""
    return "nothing lost" if verdict.passed else "LOST OR MIXED DATA"
