"""What is installed: accounts, rights, processes and webhooks, named as KubeVirt's.

KubeVirt facts 6.
"""

import base64

from .objects import NAMESPACE
from .rights import rights

IMAGE = "localhost/detour-kubevirt:dev"
WEBHOOK_SERVICE = "virt-api"
CERTIFICATE_SECRET = "kubevirt-virt-api-certs"  # noqa: S105 - a name
# KubeVirt has two of each; this virt-controller elects no leader, so there can be one only.
REPLICAS = {"virt-api": 2, "virt-controller": 1}


def namespace() -> dict:
    """KubeVirt's namespace; its pods are privileged."""
    labels = {"pod-security.kubernetes.io/enforce": "privileged", "kubevirt.io": ""}
    return manifest("v1", "Namespace", NAMESPACE, labels=labels)


def kubevirt() -> dict:
    """The KubeVirt CR: workloads are updated by live migration (KubeVirt facts 8)."""
    spec = {
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
        "configuration": {"vmRolloutStrategy": "LiveUpdate"},
    }
    return manifest("kubevirt.io/v1", "KubeVirt", "kubevirt", NAMESPACE) | {"spec": spec}


KUBEVIRT_STATUS = {
    "phase": "Deployed",
    "observedKubeVirtVersion": "v1.8.4",
    "operatorVersion": "v1.8.4",
    "targetKubeVirtVersion": "v1.8.4",
    "conditions": [
        {"type": "Available", "status": "True", "reason": "AllComponentsReady"},
        {"type": "Progressing", "status": "False", "reason": "AllComponentsReady"},
        {"type": "Degraded", "status": "False", "reason": "AllComponentsReady"},
    ],
}


def accounts() -> list[dict]:
    """Service accounts with rights like KubeVirt's."""
    found = []
    for name, rules in rights().items():
        subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        found += [
            manifest("v1", "ServiceAccount", name, NAMESPACE),
            manifest("rbac.authorization.k8s.io/v1", "ClusterRole", name) | {"rules": rules},
            manifest("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name)
            | {"roleRef": reference, "subjects": [subject]},
        ]
    return found


def certificates(certificate: bytes, key: bytes, authority: bytes) -> dict:
    """The secret virt-api serves with."""
    data = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority}
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    return manifest("v1", "Secret", CERTIFICATE_SECRET, NAMESPACE) | {"data": encoded}


def processes(revision: str) -> list[dict]:
    """The workloads; the revision, which changes with the image, makes them roll.

    Args:
        revision: a word that stands for the image's content.
    """
    return [
        manifest("v1", "Service", WEBHOOK_SERVICE, NAMESPACE)
        | {
            "spec": {
                "selector": {"kubevirt.io": "virt-api"},
                "ports": [{"port": 443, "targetPort": 8443}],
            }
        },
        _workload("Deployment", "virt-api", "kubevirt-apiserver", _api_pod(), revision),
        _workload(
            "Deployment", "virt-controller", "kubevirt-controller", _pod("controller"), revision
        ),
        _workload("DaemonSet", "virt-handler", "kubevirt-handler", _handler_pod(), revision),
    ]


def _pod(module: str) -> dict:
    container = {
        "name": f"virt-{module}",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", f"kubevirt.{module}"],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    return {
        "containers": [container],
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
    }


def _api_pod() -> dict:
    pod = _pod("admission")
    container = pod["containers"][0]
    container["name"] = "virt-api"
    container["volumeMounts"] = [
        {"name": "certificates", "mountPath": "/etc/virt-api/certificates"}
    ]
    container["readinessProbe"] = {
        "httpGet": {"path": "/", "port": 8443, "scheme": "HTTPS"},
        "periodSeconds": 2,
    }
    pod["affinity"] = {"podAntiAffinity": _apart("virt-api")}
    pod["volumes"] = [{"name": "certificates", "secret": {"secretName": CERTIFICATE_SECRET}}]
    return pod


def _apart(name: str) -> dict:
    """On two nodes where there are two: the loss of one leaves the webhooks answered."""
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"kubevirt.io": name}},
        "matchLabelKeys": ["pod-template-hash"],
    }
    return {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "podAffinityTerm": term}
        ]
    }


def _handler_pod() -> dict:
    """Privileged and among the node's processes; it sees the pods' folders as kubelet does.

    KubeVirt facts 1.
    """
    pod = _pod("handler")
    container = pod["containers"][0]
    container["securityContext"] = {"privileged": True}
    container["env"] = [
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    ]
    container["volumeMounts"] = [
        {
            "name": "kubelet-pods",
            "mountPath": "/var/lib/kubelet/pods",
            "mountPropagation": "Bidirectional",
        },
        {"name": "private", "mountPath": "/var/run/kubevirt-private"},
    ]
    pod["hostPID"] = True
    pod["priorityClassName"] = "system-node-critical"
    pod["tolerations"] = [{"operator": "Exists"}]
    private = {"path": "/var/run/kubevirt-private", "type": "DirectoryOrCreate"}
    pod["volumes"] = [
        {"name": "kubelet-pods", "hostPath": {"path": "/var/lib/kubelet/pods"}},
        {"name": "private", "hostPath": private},
    ]
    return pod


def _workload(kind: str, name: str, account: str, pod: dict, revision: str) -> dict:
    labels = {"kubevirt.io": name}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {
                "labels": labels,
                "annotations": {"kubevirt.io/install-strategy-revision": revision},
            },
            "spec": pod | {"serviceAccountName": account},
        },
    }
    if kind == "Deployment":
        spec["replicas"] = REPLICAS[name]
    return manifest("apps/v1", kind, name, NAMESPACE) | {"spec": spec}


def manifest(
    api: str, kind: str, name: str, where: str | None = None, labels: dict | None = None
) -> dict:
    """An object with KubeVirt's label."""
    metadata: dict = {"name": name, "labels": labels or {"kubevirt.io": ""}}
    if where:
        metadata["namespace"] = where
    return {"apiVersion": api, "kind": kind, "metadata": metadata}
