"""Puts the CSI driver of the tests, and what snapshots need, on the cluster."""

import hashlib

import yaml

from cluster import images, paths, snapshots
from harness.cluster import Target
from harness.kube import Object

IMAGE = "detour-csi"
NAMESPACE = "detour-csi"

MANIFESTS = paths.REPOSITORY / "tests" / "storage" / "csi" / "manifests"


def install(target: Target) -> None:
    """Install or upgrade it, and wait until it runs on every node.

    Raises:
        KubectlError: something did not come up.
    """
    target.provider.load_image(images.archive(IMAGE))
    definitions = crds()
    target.kube.apply(*definitions, server_side=True)
    names = [f"crd/{definition['metadata']['name']}" for definition in definitions]
    target.kube.run("wait", "--for=condition=Established", "--timeout=60s", *names)
    target.kube.apply(*manifests(_inputs()), server_side=True)
    for workload in ("daemonset/csi-driver", "deployment/snapshot-controller"):
        words = ["rollout", "status", workload, "-n", NAMESPACE, "--timeout=300s"]
        target.kube.run(*words, timeout=320)


def crds() -> list[Object]:
    """The custom resources of snapshots, as their module has them."""
    return [yaml.safe_load(file.read_text()) for file in snapshots.definitions()]


def manifests(revision: str) -> list[Object]:
    """Everything else; the revision, which changes with the image, has the pods made anew."""
    texts = [(MANIFESTS / f"{name}.yaml").read_text() for name in PARTS]
    found = [item for text in texts for item in yaml.safe_load_all(text)]
    for item in found:
        if item["kind"] in {"DaemonSet", "Deployment"}:
            annotations = item["spec"]["template"]["metadata"].setdefault("annotations", {})
            annotations["detour.dev/image"] = revision
    return found


PARTS = ("driver", "snapshot-controller", "classes")
"""In this order: the first has the namespace."""


def _inputs() -> str:
    """What the image was built from, in short."""
    record = (paths.cache() / "images" / f"{IMAGE}.json").read_text()
    return hashlib.sha256(record.encode()).hexdigest()[:16]
