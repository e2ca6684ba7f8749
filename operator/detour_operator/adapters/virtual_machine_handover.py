"""Points a virtual machine and its instance at another claim.

The instance's spec is KubeVirt's alone (KubeVirt facts 6.1): it is changed in the name of
KubeVirt's controller, which takes the permission to impersonate that account; nothing else is.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from detour_operator.adapters.client import Api, Impersonation
from detour_operator.adapters.resources import INSTANCES, VIRTUAL_MACHINES, Resource
from detour_operator.errors import Forbidden, Refused, Unreachable

CONTROLLER = "kubevirt-controller"
ACCESS_REVIEWS = Resource(
    group="authorization.k8s.io", version="v1", plural="selfsubjectaccessreviews"
)


def controller_user(kubevirt_namespace: str) -> str:
    """KubeVirt's controller as the API server names it."""
    return f"system:serviceaccount:{kubevirt_namespace}:{CONTROLLER}"


class Acting(enum.Enum):
    """What the API server says to the wish to act as KubeVirt's controller."""

    ALLOWED = "allowed"
    NOT_PERMITTED = "not permitted"
    """This process may not take that name."""
    NO_CONTROLLER = "no controller"
    """It may, and the name is of no account that KubeVirt gave its rights to."""


def acting(api: Api, kubevirt_namespace: str, namespace: str) -> Acting:
    """Whether an instance of a namespace could be changed as KubeVirt's controller.

    Asked in that very name: the permission to take it says nothing of an account's rights, and can
    be given for one that does not exist.
    """
    attributes = {
        "verb": "patch",
        "group": INSTANCES.group,
        "resource": INSTANCES.plural,
        "namespace": namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = api.create(ACCESS_REVIEWS, None, review, impersonate=_as(kubevirt_namespace))
    except Forbidden:
        return Acting.NOT_PERMITTED
    allowed = (answer.get("status") or {}).get("allowed")
    return Acting.ALLOWED if allowed else Acting.NO_CONTROLLER


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
    api.json_patch(INSTANCES, namespace, name, operations, impersonate=_as(kubevirt_namespace))


def patch_machine(
    api: Api, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
) -> None:
    """Change a virtual machine, in the operator's own name.

    Raises:
        Conflict: a test of the patch failed.
    """
    api.json_patch(VIRTUAL_MACHINES, namespace, name, operations)


def machine_refuses(
    api: Api, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
) -> str | None:
    """Why the API server would not take that change now, in its words; None if it would.

    Tried as a dry run: admission policies and webhooks, KubeVirt's among them, answer as they
    would to the change itself. One that is away, for which the API server answers 500, lets it
    through as little as one that refuses, and must not keep anything else from being done.

    Raises:
        Conflict: a test of the patch failed.
    """
    try:
        api.json_patch(VIRTUAL_MACHINES, namespace, name, operations, dry_run=True)
    except Refused as error:
        return error.message
    except Unreachable as error:
        return f"it could not be tried: {error}"
    return None


def _as(kubevirt_namespace: str) -> Impersonation:
    # The API server adds the groups of a service account by itself.
    return Impersonation(user=controller_user(kubevirt_namespace))
