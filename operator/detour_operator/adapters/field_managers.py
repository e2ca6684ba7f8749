"""Who declares what of an object, by its managed fields.

Server-side apply notes the fields that each manager applied, and takes one off it when somebody
else changes its value
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
"""

from collections.abc import Mapping
from typing import Any

TEMPLATE = ("f:spec", "f:template", "f:spec")
MANIFEST = "f:domain"
"""Whoever applies this of a machine's template applies its volumes as well: it is required."""
CLAIMS = ("f:persistentVolumeClaim", "f:dataVolume")


def overridden(machine: Mapping[str, Any], volume: str) -> str:
    """The manager that applies a VirtualMachine, but for the claim of a volume as it is now.

    What it applied there was changed by somebody else since; empty if there is none.
    """
    for entry in machine["metadata"].get("managedFields") or []:
        template = _below(entry.get("fieldsV1"), *TEMPLATE)
        applies = entry.get("operation") == "Apply" and MANIFEST in template
        if applies and not _has_claim(template, volume):
            return str(entry.get("manager") or "")
    return ""


def _has_claim(template: Mapping[str, Any], volume: str) -> bool:
    """Also where the list of volumes is one field, as it is without a schema that says more."""
    if "f:volumes" not in template:
        return False
    volumes = _below(template, "f:volumes")
    keyed = {key: fields for key, fields in volumes.items() if key.startswith("k:")}
    own = _below(keyed, f'k:{{"name":"{volume}"}}')
    return not keyed or any(claim in own for claim in CLAIMS)


def _below(fields: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields if isinstance(fields, Mapping) else {}
