"""Points a virtual machine and its instance at another claim.

The instance's spec is KubeVirt's alone (KubeVirt facts 6.1): it is changed in the name of
KubeVirt's controller, which takes the permission to impersonate that account; nothing else is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from detour_operator.adapters.client import Api, Impersonation
from detour_operator.adapters.resources import INSTANCES, VIRTUAL_MACHINES, Resource

CONTROLLER = "kubevirt-controller"
ACCESS_REVIEWS = Resource(
    group="authorization.k8s.io", version="v1", plural="selfsubjectaccessreviews"
)


def controller_user(kubevirt_namespace: str) -> str:
    """KubeVirt's controller as the API server names it."""
    return f"system:serviceaccount:{kubevirt_namespace}:{CONTROLLER}"


def may_impersonate(api: Api, kubevirt_namespace: str) -> bool:
    """Whether the API server would let this process act as KubeVirt's controller."""
    attributes = {
        "verb": "impersonate",
        "resource": "serviceaccounts",
        "namespace": kubevirt_namespace,
        "name": CONTROLLER,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.create(ACCESS_REVIEWS, None, review)
    return bool((answer.get("status") or {}).get("allowed"))


def patch_instance(
    api: Api,
    kubevirt_namespace: str,
    namespace: str,
    name: str,
    operations: Sequence[Mapping[str, Any]],
) -> None:
    """Change an instance as KubeVirt's controller.

    Raises:
        Conflict: a test of the patch failed.
        Forbidden: no permission to impersonate, or an admission policy or webhook refused.
    """
    # The API server adds the groups of a service account by itself.
    controller = Impersonation(user=controller_user(kubevirt_namespace))
    api.json_patch(INSTANCES, namespace, name, operations, impersonate=controller)


def patch_machine(
    api: Api, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
) -> None:
    """Change a virtual machine, in the operator's own name.

    Raises:
        Conflict: a test of the patch failed.
    """
    api.json_patch(VIRTUAL_MACHINES, namespace, name, operations)
