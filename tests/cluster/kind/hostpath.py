"""csi-driver-host-path on kind: snapshots, clones and devices of a driver that is not ours."""

from pathlib import Path

from cluster import snapshots
from cluster.kubectl import Kubectl

MANIFEST = Path(__file__).parent / "hostpath.yaml"
NAMESPACE = "csi-hostpath"
CLASSES = ("csi-hostpath-sc", "csi-hostpath-second")
SNAPSHOT_CLASS = "csi-hostpath-snapclass"


def apply(kubectl: Kubectl) -> None:
    """Makes its objects, and the kinds of snapshots.

    Raises:
        CommandError: The API server refused one.
    """
    apply = ("apply", "--server-side", "--force-conflicts")
    kubectl(*apply, *(f"--filename={file}" for file in snapshots.definitions()))
    kinds = (f"customresourcedefinition/{name}" for name in snapshots.NAMES)
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *kinds)
    kubectl(*apply, f"--filename={MANIFEST}")


def install(kubectl: Kubectl) -> None:
    """Makes its objects, and waits until it runs on every worker.

    Raises:
        CommandError: Something did not come up.
    """
    apply(kubectl)
    for workload in ("daemonset/csi-hostpath", "deployment/snapshot-controller"):
        words = (f"--namespace={NAMESPACE}", "--timeout=300s")
        kubectl("rollout", "status", workload, *words, timeout=320)
