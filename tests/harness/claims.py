"""What a claim has got, which may be more than it asked for, and the image on it."""

from detour_crds.quantities import bytes_of
from guest import manifest
from harness.kube import Kube


def capacity(kube: Kube, namespace: str, claim: str) -> int:
    """The bytes of a claim's volume; the claim must be bound."""
    found = kube.get("pvc", claim, namespace) or {}
    return bytes_of(found["status"]["capacity"]["storage"])


def on_image(kube: Kube, namespace: str, claim: str, script: str, node: str = "") -> str:
    """What a script printed that is given the path of a claim's image, which it may change.

    A claim that waits for its first user gets its volume on the node, if one is named.
    """
    name = f"on-{claim}"
    pod = manifest.verifier(name, namespace, claim, node=node)
    (container,) = pod["spec"]["containers"]
    container["command"] = ["sh", "-euc", script, "sh", manifest.VERIFIER_IMAGE_FILE]
    container["volumeMounts"][0]["readOnly"] = False
    kube.apply(pod)
    done = "--for=jsonpath={.status.phase}=Succeeded"
    kube.run("wait", f"pod/{name}", "-n", namespace, done, "--timeout=120s", timeout=150)
    printed = kube.run("logs", name, "-n", namespace)
    kube.delete("pods", name, namespace)
    return printed.strip()
