"""Running instances (VMI) and their live migrations (VMIM) as JSON, and the fence on a VMI."""

from collections.abc import Mapping, Sequence
from typing import Any

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import INSTANCES, LIVE_MIGRATIONS

FINAL_PHASES = ("Succeeded", "Failed")


def get(api: Api, namespace: str, name: str) -> Json | None:
    """The instance of that name, or None if there is none."""
    return api.get(INSTANCES, namespace, name)


def nodes(api: Api, namespace: str) -> dict[str, str]:
    """The node of each instance of a namespace that runs, by the instance's name."""
    found = {
        raw["metadata"]["name"]: (raw.get("status") or {}).get("nodeName")
        for raw in api.list(INSTANCES, namespace)
    }
    return {name: node for name, node in found.items() if node}


def live_migrations(api: Api, namespace: str, name: str) -> tuple[str, ...]:
    """Names of the instance's live migrations that have not ended."""
    return tuple(
        item["metadata"]["name"]
        for item in api.list(LIVE_MIGRATIONS, namespace)
        if (item.get("spec") or {}).get("vmiName") == name
        and (item.get("status") or {}).get("phase") not in FINAL_PHASES
    )


def annotate(api: Api, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]) -> None:
    """Change annotations of an instance, which KubeVirt lets anybody do who may patch it.

    Raises:
        Conflict: a test of the patch failed.
    """
    api.json_patch(INSTANCES, namespace, name, operations)
