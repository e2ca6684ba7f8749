"""Which KubeVirt runs on which Kubernetes; pure."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "v1.9.0"
# KubeVirt 1.8 does not support Kubernetes 1.36: VMs do not start in time
# (https://github.com/kubevirt/kubevirt.core/pull/246).
NODE_IMAGES = {
    "v1.9.0": "kindest/node:v1.36.1"
    "@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5",
    "v1.8.4": "kindest/node:v1.35.5"
    "@sha256:ce977ae6d65918d0b58a5f8b5e940429c2ce42fa3a5619ec2bbc60b949c0ac95",
}


@dataclass(frozen=True)
class Release:
    """A release of KubeVirt and the nodes it is tested on.

    Attributes:
        version: Such as "v1.9.0".
        node_image: The image of kind's nodes.
    """

    version: str
    node_image: str

    @property
    def operator_manifest(self) -> str:
        """Where the release's operator is published."""
        site = "https://github.com/kubevirt/kubevirt/releases/download"
        return f"{site}/{self.version}/kubevirt-operator.yaml"


def chosen(environment: Mapping[str, str] = os.environ) -> Release:
    """The release that KUBEVIRT_VERSION names, or the default one.

    One that is not known here runs on the nodes that NODE_IMAGE names.

    Raises:
        LookupError: No node image is known for that release.
    """
    version = environment.get("KUBEVIRT_VERSION") or DEFAULT
    image = environment.get("NODE_IMAGE") or NODE_IMAGES.get(version)
    if image is None:
        raise LookupError(
            f"KUBEVIRT_VERSION is {version!r}, but it may be {', '.join(NODE_IMAGES)};"
            " for another one name its nodes in NODE_IMAGE, as kindest/node:v1.36.1"
        )
    return Release(version, image)
