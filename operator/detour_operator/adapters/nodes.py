"""Nodes, as far as Kubernetes hears from them."""

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import NODES

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""A person's word that the node is shut down: its pods are given up and its volumes detached
(https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown, non-graceful)."""


def is_given_up(api: Api, name: str) -> bool:
    """Whether somebody has declared the node to be out of service."""
    found = api.get(NODES, None, name) or {}
    taints = (found.get("spec") or {}).get("taints") or []
    return any(taint.get("key") == OUT_OF_SERVICE for taint in taints)


def labels(api: Api, name: str) -> dict[str, str] | None:
    """The node's labels; None if there is no such node."""
    found = api.get(NODES, None, name)
    return None if found is None else dict(found["metadata"].get("labels") or {})


def is_lost(api: Api, name: str) -> bool:
    """Whether the node was removed, or its kubelet is not known to be ready.

    It says nothing of what still runs there.
    """
    found = api.get(NODES, None, name)
    if found is None:
        return True
    conditions = (found.get("status") or {}).get("conditions") or []
    return not any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
