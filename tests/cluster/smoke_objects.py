"""The objects that the smoke check makes; pure."""

from typing import Any

NAMESPACE = "detour-smoke"
IMAGE = "localhost/detour-smoke:dev"


def document(version: str, kind: str, name: str, **parts: Any) -> dict[str, Any]:
    """Any object of the check, in its namespace."""
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": "smoke"}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def claim(name: str, storage_class: str, mode: str) -> dict[str, Any]:
    """A claim for a small volume."""
    spec = {
        "storageClassName": storage_class,
        "accessModes": [mode],
        "resources": {"requests": {"storage": "64Mi"}},
    }
    return document("v1", "PersistentVolumeClaim", name, spec=spec)


def pod(name: str, node: str, claims: dict[str, str]) -> dict[str, Any]:
    """The server on a node, with claims mounted below /volumes."""
    volumes = [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
        for volume, claim in claims.items()
    ]
    mounts = [{"name": volume, "mountPath": f"/volumes/{volume}"} for volume in claims]
    probe = {"httpGet": {"path": "/", "port": 8443, "scheme": "HTTPS"}, "periodSeconds": 1}
    container = {
        "name": "server",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "readinessProbe": probe,
        "volumeMounts": [*mounts, {"name": "tls", "mountPath": "/tls"}],
    }
    spec = {
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/hostname": node},
        "containers": [container],
        "volumes": [*volumes, {"name": "tls", "secret": {"secretName": "webhook"}}],
    }
    return document("v1", "Pod", name, spec=spec)


def service() -> dict[str, Any]:
    """What leads to the servers of all nodes."""
    spec = {"selector": {"app": "smoke"}, "ports": [{"port": 443, "targetPort": 8443}]}
    return document("v1", "Service", "webhook", spec=spec)


def webhook(authority: str) -> dict[str, Any]:
    """The servers as a webhook for ConfigMaps of the check, with their authority."""
    service = {"name": "webhook", "namespace": NAMESPACE, "path": "/", "port": 443}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
    }
    webhook = {
        "name": "smoke.detour.dev",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"service": service, "caBundle": authority},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
    }
    version = "admissionregistration.k8s.io/v1"
    return document(version, "ValidatingWebhookConfiguration", NAMESPACE, webhooks=[webhook])
