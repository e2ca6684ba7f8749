"""Installs the stand-in into a cluster and takes it away again; both may be repeated."""

import base64
import hashlib
import time
from pathlib import Path

from . import certificates, manifests
from .crds import crds
from .kube import ApiError, Kube
from .objects import NAMESPACE
from .webhook_manifests import webhooks

READY_TIMEOUT = 300.0
REMOVABLE = ("VirtualMachineInstanceMigration", "VirtualMachine", "VirtualMachineInstance")


def install(kube: Kube) -> None:
    """Applies everything and waits until it works.

    Raises:
        TimeoutError: something did not become ready.
    """
    for definition in crds():
        kube.apply("CustomResourceDefinition", definition)
    _wait("the custom resources", lambda: all(_established(kube, d) for d in crds()))
    kube.apply("Namespace", manifests.namespace())
    for item in manifests.accounts():
        kube.apply(item["kind"], item)
    authority = _certificates(kube)
    for item in manifests.processes(_revision()):
        kube.apply(item["kind"], item)
    _wait("virt-api, virt-controller and virt-handler", lambda: _processes_ready(kube))
    for item in webhooks(authority):
        kube.apply(item["kind"], item)
    _wait("the webhooks", lambda: _webhooks_answer(kube))
    kube.apply("KubeVirt", manifests.kubevirt())
    kube.patch("KubeVirt", manifests.kubevirt(), {"status": manifests.KUBEVIRT_STATUS}, "/status")


def uninstall(kube: Kube) -> None:
    """Deletes the VMs, then everything that was installed."""
    for kind in REMOVABLE:
        for item in _all(kube, kind):
            kube.delete(kind, item)
    _wait("the VMs to end", lambda: not any(_all(kube, kind) for kind in REMOVABLE))
    for item in webhooks(b""):
        kube.delete(item["kind"], item)
    for item in [*manifests.processes(""), *manifests.accounts(), *crds(), manifests.namespace()]:
        kube.delete(item["kind"], item)


def _all(kube: Kube, kind: str) -> list[dict]:
    try:
        return kube.list_all(kind)
    except ApiError as error:
        if error.code != 404:
            raise
        return []


def _wait(what: str, done: object) -> None:
    end = time.monotonic() + READY_TIMEOUT
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(1)


def _established(kube: Kube, definition: dict) -> bool:
    found = kube.get("CustomResourceDefinition", None, definition["metadata"]["name"]) or {}
    conditions = found.get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _certificates(kube: Kube) -> bytes:
    """The authority of the certificate in use, which is made once."""
    found = kube.get("Secret", NAMESPACE, manifests.CERTIFICATE_SECRET)
    if found is not None:
        return base64.b64decode(found["data"]["ca.crt"])
    certificate, key, authority = certificates.issue(
        f"{manifests.WEBHOOK_SERVICE}.{NAMESPACE}.svc"
    )
    kube.apply("Secret", manifests.certificates(certificate, key, authority))
    return authority


def _revision() -> str:
    """A word that stands for this code: changed code makes the processes roll."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        if "launcher" not in file.parts:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _processes_ready(kube: Kube) -> bool:
    for name, replicas in manifests.REPLICAS.items():
        found = kube.get("Deployment", NAMESPACE, name) or {}
        status = found.get("status", {})
        if (
            status.get("observedGeneration") != found["metadata"]["generation"]
            or status.get("updatedReplicas") != replicas
            or status.get("readyReplicas") != replicas
            or status.get("replicas") != replicas
        ):
            return False
    found = kube.get("DaemonSet", NAMESPACE, "virt-handler") or {}
    status = found.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    return (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and wanted > 0
        and status.get("updatedNumberScheduled") == wanted
        and status.get("numberReady") == wanted
    )


def _webhooks_answer(kube: Kube) -> bool:
    """Whether the server asks virt-api: a VM without a template is refused, in a dry run."""
    probe = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "probe", "namespace": NAMESPACE},
        "spec": {"runStrategy": "Halted"},
    }
    where = f"apis/kubevirt.io/v1/namespaces/{NAMESPACE}/virtualmachines"
    try:
        kube.request("POST", where, probe, query={"dryRun": "All"})
    except ApiError as error:
        return "missing virtual machine template" in str(error)
    return False
