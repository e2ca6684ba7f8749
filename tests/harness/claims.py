"""What a claim has got, which may be more than it asked for."""

from detour_crds.quantities import bytes_of
from harness.kube import Kube


def capacity(kube: Kube, namespace: str, claim: str) -> int:
    """The bytes of a claim's volume; the claim must be bound."""
    found = kube.get("pvc", claim, namespace) or {}
    return bytes_of(found["status"]["capacity"]["storage"])
