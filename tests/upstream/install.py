"""Puts KubeVirt on a cluster with its own operator and manifests."""

from typing import Any

import yaml

from cluster import image_specs, images, paths, tools
from cluster.process import run
from harness.cluster import Target

NAMESPACE = "kubevirt"
OPERATOR = "virt-operator"
IMAGES = (OPERATOR, "virt-api", "virt-controller", "virt-handler", "virt-launcher")
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
"""virt-operator's pods, and those of virt-api and virt-controller, want a node with it."""

SETTINGS = paths.CLUSTER_SOURCES / "kind" / "kubevirt.yaml"
TIMEOUT = 600
"""Seconds that a part of it may take to come up."""


def install(target: Target) -> None:
    """Install it, or leave it as it is where it runs, and wait until it is available.

    Raises:
        CommandError: an image could not be built, or something did not come up.
    """
    # What virt-launcher is linked against.
    run([paths.CLUSTER_SOURCES / "setup.sh", "libvirt-dev", "pkg-config"])
    for name in IMAGES:
        target.provider.load_image(images.archive(name))
    kube = target.kube
    kube.run("label", "node", target.nodes[0], f"{CONTROL_PLANE_LABEL}=", "--overwrite")
    kube.apply(*manifests("kubevirt-operator"), server_side=True)
    for words in (
        ["wait", "--for=condition=Established", "crd/kubevirts.kubevirt.io"],
        ["rollout", "status", f"deployment/{OPERATOR}", "-n", NAMESPACE],
    ):
        kube.run(*words, f"--timeout={TIMEOUT}s", timeout=TIMEOUT + 20)
    kube.apply(settings(), server_side=True)
    words = ["wait", "--for=condition=Available", "kubevirt/kubevirt", "-n", NAMESPACE]
    kube.run(*words, f"--timeout={TIMEOUT}s", timeout=TIMEOUT + 20)


def settings() -> dict[str, Any]:
    """The KubeVirt object of the clusters of the tests; here each part runs once."""
    found = dict(yaml.safe_load(SETTINGS.read_text()))
    found["spec"]["infra"] = {"replicas": 1}
    return found


def manifests(name: str) -> list[dict[str, Any]]:
    """A manifest of KubeVirt's release, as its own build makes it (hack/build-manifests.sh).

    Args:
        name: such as "kubevirt-operator".
    """
    source = tools.source(tools.KUBEVIRT_MODULE, "kubevirt")
    template = paths.cache() / f"{name}.yaml.in"
    generated = f"--generated-manifests-dir={source / 'manifests/generated'}/"
    release = source / "manifests" / "release" / f"{name}.yaml.in"
    template.write_text(_templator("--process-files", generated, f"--input-file={release}"))
    written = _templator(
        "--process-vars",
        f"--input-file={template}",
        f"--namespace={NAMESPACE}",
        "--container-prefix=localhost",
        f"--container-tag={tools.KUBEVIRT}",
        f"--csv-version={tools.KUBEVIRT.removeprefix('v')}",
    )
    found = [item for item in yaml.safe_load_all(written) if item]
    for item in found:
        if item["kind"] == "Deployment":
            _with_own_images(item["spec"]["template"]["spec"]["containers"][0])
    return found


def _with_own_images(operator: dict[str, Any]) -> None:
    """Set what virt-operator is asked by for images of other names than its version's."""
    own = {
        f"{name.upper().replace('-', '_')}_IMAGE": image_specs.find(name).reference
        for name in IMAGES
    }
    operator["image"] = own["VIRT_OPERATOR_IMAGE"]
    others = [variable for variable in operator["env"] if variable["name"] not in own]
    operator["env"] = [*others, *({"name": key, "value": value} for key, value in own.items())]


def _templator(*words: str) -> str:
    tools.ensure("manifest-templator")
    # It reads the picture whatever it is asked for.
    picture = tools.source(tools.KUBEVIRT_MODULE, "kubevirt") / "assets" / "kubevirt_logo.png"
    program = paths.binaries() / "manifest-templator"
    return run([program, f"--kubevirt-logo-path={picture}", *words]).stdout
