"""PodDisruptionBudgets: with one an eviction is answered with "too many requests" (HTTP 429).

``kubectl drain`` then tries again until it succeeds; a refusal by a policy (403) ends it.
https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from collections.abc import Mapping
from typing import Any

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import BUDGETS


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The budget of that name, or None if there is none."""
    return api.get(BUDGETS, namespace, name)


def create(api: Api, namespace: str, manifest: Mapping[str, Any]) -> None:
    """Create a budget.

    Raises:
        AlreadyExists: one of this name exists.
    """
    api.create(BUDGETS, namespace, manifest)


def delete(api: Api, namespace: str, name: str, uid: str) -> None:
    """Ask for the deletion of this very budget.

    Raises:
        Conflict: the budget of this name is another one.
    """
    api.delete(BUDGETS, namespace, name, uid=uid)
