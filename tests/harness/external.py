"""Somebody else who copies the frozen source of a migration with ``copy.method: External``."""

from guest import manifest
from harness.kube import Kube, Object, wait_for
from harness.migration import Migration

COPY = """
cp --sparse=always /source/disk.img /destination/disk.img
sync /destination/disk.img
"""
"""Sparse, as an image may be larger than the file system it is on."""


def published(migration: Migration) -> Object:
    """What is to be copied, as soon as the migration says that it waits for somebody to do it."""

    def look() -> Object | None:
        found: Object = migration.object().get("status", {})
        waits = migration.condition("Copied").get("reason") == "WaitingForExternalCopy"
        return found.get("external") if waits else None

    return wait_for("what is to be copied", look, seconds=300, seen=migration.story)


def copy(kube: Kube, namespace: str, external: Object, script: str = COPY) -> None:
    """Copy by a pod, which is gone afterwards; the word that it is done is not given yet.

    Args:
        external: the migration's ``status.external``.
        script: for a shell that has both images, at ``/source`` and ``/destination``.
    """
    kube.apply(_pod(namespace, external, script))
    succeeded = "--for=jsonpath={.status.phase}=Succeeded"
    kube.run("wait", "pod/external", "-n", namespace, "--timeout=180s", succeeded, timeout=200)
    kube.delete("pods", "external", namespace)


def _pod(namespace: str, external: Object, script: str) -> Object:
    pod = manifest.verifier("external", namespace, external["sourceClaim"])
    pod["metadata"]["labels"] = {"detour.dev/component": "external-copier"}
    spec = pod["spec"]
    spec["nodeSelector"] = {"kubernetes.io/hostname": external["node"]}
    spec["securityContext"] = {**spec.get("securityContext", {}), "runAsUser": 107, "fsGroup": 107}
    (container,) = spec["containers"]
    container["command"] = ["sh", "-ec", script]
    (source,) = container["volumeMounts"]
    source["mountPath"] = "/source"
    container["volumeMounts"].append({"name": "destination", "mountPath": "/destination"})
    claim = {"claimName": external["destinationClaim"]}
    spec["volumes"].append({"name": "destination", "persistentVolumeClaim": claim})
    return pod
