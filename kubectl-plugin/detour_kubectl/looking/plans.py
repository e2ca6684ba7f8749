"""Reads plans, and changes the fields that people change."""

from typing import Any

from detour_kubectl.domain import plans
from detour_kubectl.domain.plans import Plan
from detour_kubectl.errors import NotThereError, RefusedError
from detour_kubectl.port import PLANS, Cluster


def one(cluster: Cluster, namespace: str, name: str) -> Plan:
    """A plan.

    Raises:
        NotThereError: it does not exist.
    """
    raw = cluster.get(PLANS, namespace, name)
    if raw is None:
        raise _absent(namespace, name)
    return plans.read(raw)


def change(cluster: Cluster, namespace: str, name: str, spec: dict[str, Any]) -> None:
    """Change fields of the spec of a plan that has not ended.

    Raises:
        NotThereError: it does not exist.
        RefusedError: it has ended.
    """
    found = one(cluster, namespace, name)
    if found.has_ended:
        raise RefusedError(
            f"{name} has ended ({found.status.phase}): {found.told[1]}",
            "to move other disks: `kubectl detour plan create`",
        )
    if cluster.patch(PLANS, namespace, name, {"spec": spec}) is None:
        raise _absent(namespace, name)


def _absent(namespace: str, name: str) -> NotThereError:
    return NotThereError(
        f"there is no VolumeMigrationPlan {name} in the namespace {namespace}",
        f"`kubectl get vmigplan -n {namespace}` shows those there are; -A those of all namespaces",
    )
