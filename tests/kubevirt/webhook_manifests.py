"""The webhooks' registration; no side effects, so that dry runs pass (KubeVirt facts 6)."""

import base64

from .manifests import WEBHOOK_SERVICE, manifest
from .objects import NAMESPACE

API = "admissionregistration.k8s.io/v1"
VM = ("kubevirt.io", "virtualmachines")
VMI = ("kubevirt.io", "virtualmachineinstances")
VMIM = ("kubevirt.io", "virtualmachineinstancemigrations")
EVICTION = ("", "pods/eviction")
ONLY_KUBEVIRT = (
    "request.name.startsWith('virt-launcher-') || request.name.startsWith('hp-volume-')"
)


def webhooks(authority: bytes) -> list[dict]:
    """The two configurations.

    Args:
        authority: the certificate that signed virt-api's, as PEM.
    """
    bundle = base64.b64encode(authority).decode()
    validating, mutating = _validating(), _mutating()
    for hook in validating + mutating:
        hook["clientConfig"]["caBundle"] = bundle
    return [
        manifest(API, "ValidatingWebhookConfiguration", "virt-api-validator")
        | {"webhooks": validating},
        manifest(API, "MutatingWebhookConfiguration", "virt-api-mutator") | {"webhooks": mutating},
    ]


def _validating() -> list[dict]:
    instance, migration = "/virtualmachineinstances-validate", "/migration-validate"
    eviction = _webhook(
        "virt-launcher-eviction-interceptor", "/launcher-eviction-validate", EVICTION
    )
    # KubeVirt lets evictions pass when virt-api does not answer (KubeVirt facts 6.6).
    eviction["failurePolicy"] = "Ignore"
    eviction["matchConditions"] = [{"name": "only-kubevirt-pods", "expression": ONLY_KUBEVIRT}]
    return [
        _webhook("virtualmachine-validator", "/virtualmachines-validate", VM, "CREATE", "UPDATE"),
        _webhook("virtualmachineinstances-create-validator", f"{instance}-create", VMI, "CREATE"),
        _webhook("virtualmachineinstances-update-validator", f"{instance}-update", VMI, "UPDATE"),
        _webhook("migration-create-validator", f"{migration}-create", VMIM, "CREATE"),
        _webhook("migration-update-validator", f"{migration}-update", VMIM, "UPDATE"),
        eviction,
    ]


def _mutating() -> list[dict]:
    instance, migration = "/virtualmachineinstances-mutate", "/migration-mutate-create"
    return [
        _webhook("virtualmachineinstances-mutator", instance, VMI, "CREATE", "UPDATE"),
        _webhook("migrations-mutator", migration, VMIM, "CREATE"),
    ]


def _webhook(name: str, path: str, resource: tuple[str, str], *operations: str) -> dict:
    group, plural = resource
    service = {"name": WEBHOOK_SERVICE, "namespace": NAMESPACE, "path": path, "port": 443}
    return {
        "name": f"{name}.kubevirt.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 10,
        "clientConfig": {"service": service},
        "rules": [
            {
                "apiGroups": [group],
                "apiVersions": ["v1"],
                "resources": [plural],
                "operations": list(operations) or ["*"],
                "scope": "Namespaced",
            }
        ],
    }
