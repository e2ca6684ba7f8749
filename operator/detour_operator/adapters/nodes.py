"""Nodes, as far as Kubernetes hears from them."""

import dataclasses

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import NODES

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""A person's word that the node is shut down: its pods are given up and its volumes detached
(https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown, non-graceful)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One look at a node.

    Attributes:
        lost: it was removed, or its kubelet is not known to be ready. It says nothing of what
            still runs there.
        given_up: somebody has declared it to be out of service.
    """

    lost: bool
    given_up: bool


def look(api: Api, name: str) -> Node:
    """Whether a node is lost, and whether it was given up."""
    found = api.get(NODES, None, name)
    if found is None:
        return Node(lost=True, given_up=False)
    conditions = (found.get("status") or {}).get("conditions") or []
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    taints = (found.get("spec") or {}).get("taints") or []
    return Node(
        lost=not ready, given_up=any(taint.get("key") == OUT_OF_SERVICE for taint in taints)
    )


def labels(api: Api, name: str) -> dict[str, str] | None:
    """The node's labels; None if there is no such node."""
    found = api.get(NODES, None, name)
    return None if found is None else dict(found["metadata"].get("labels") or {})
