"""Puts KubeVirt, the CSI driver and Detour on the cluster: ``python -m harness.install``."""

import hashlib
import sys

from cluster import images, paths
from cluster.process import run
from harness import cluster, csi
from upstream import install as upstream

NAMESPACE = "detour-system"
PRODUCT = ("detour-operator", "detour-node-agent", "detour-copier")
STAND_IN = (
    "detour-kubevirt",
    "detour-launcher-trixie",
    "detour-launcher-sid",
    "detour-launcher-bookworm",
)
GUEST = "detour-guest"


def detour(target: cluster.Target, *settings: str) -> None:
    """Install or upgrade Detour with its chart, as a user would, and wait until it runs.

    Args:
        target: where.
        settings: chart values other than the default ones, as ``impersonation.enabled=false``.
    """
    chart = paths.REPOSITORY / "charts" / "detour"
    kubeconfig = f"--kubeconfig={target.provider.kubeconfig()}"
    values = [
        f"--set={part}.image.{key}={value}"
        for part, image in zip(("operator", "nodeAgent", "copier"), PRODUCT, strict=True)
        for key, value in (
            ("repository", f"localhost/{image}"),
            ("tag", "dev"),
        )
    ]
    if target.provider.name == "local":
        # A node's disk is the machine's, and its kubelet evicts at one percent as well.
        values += ["--set=nodeAgent.keepFreePercent=1"]
    # The tag stays the same while the image changes: its digest has the pods made anew.
    values += [f"--set-string=podAnnotations.images={_inputs()}"]
    values += [f"--set={setting}" for setting in settings]
    run(
        [
            paths.binaries() / "helm", "upgrade", "--install", "detour", chart, kubeconfig,
            f"--namespace={NAMESPACE}", "--create-namespace", "--wait", "--timeout=5m", *values,
        ],
        timeout=400,
    )  # fmt: skip


def _inputs() -> str:
    """What the images were built from, in short."""
    records = (paths.cache() / "images" / f"{name}.json" for name in PRODUCT)
    found = "".join(record.read_text() for record in records)
    return hashlib.sha256(found.encode()).hexdigest()[:16]


def _refuse_the_other(target: cluster.Target) -> None:
    """End where the stand-in is to take KubeVirt's place on a cluster, or the reverse."""
    deployments = target.kube.list("deployment", upstream.NAMESPACE)
    found = {item["metadata"]["name"] for item in deployments}
    if (
        target.provider.name == "local"
        and found
        and target.stand_in == (upstream.OPERATOR in found)
    ):
        sys.exit(
            "this cluster has the other KubeVirt (KUBEVIRT=upstream): `make cluster-down` first"
        )


def main() -> int:
    """Build, load and install everything that is missing or was changed."""
    target = cluster.current()
    _refuse_the_other(target)
    for name in (*PRODUCT, GUEST, *(STAND_IN if target.stand_in else ())):
        target.provider.load_image(images.archive(name))
    if target.stand_in:
        words = ["install", "--kubeconfig", target.provider.kubeconfig()]
        run([sys.executable, "-m", "kubevirt", *words], timeout=600)
    elif target.provider.name == "local":
        upstream.install(target)
    if target.provider.classes.csi and target.provider.classes.ours:
        csi.install(target)
    detour(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
