"""Which GitOps tool applies a virtual machine, by the marks such tools leave; pure.

Argo CD: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/. Flux:
https://fluxcd.io/flux/faq/ (labels of kustomize-controller and helm-controller).
"""

from collections.abc import Mapping
from typing import Any

MARKS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
MANAGERS = {"argocd": "Argo CD", "kustomize-controller": "Flux", "helm-controller": "Flux"}
"""Field managers by how their names begin."""


def declared_by(raw: Mapping[str, Any]) -> str:
    """The tool, with the name it gives to what the object belongs to; empty if none is known."""
    metadata = raw["metadata"]
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for key, tool in MARKS.items():
        if marks.get(key):
            return f"{tool} ({str(marks[key]).partition(':')[0]})"
    for entry in metadata.get("managedFields") or []:
        for start, tool in MANAGERS.items():
            if str(entry.get("manager", "")).startswith(start):
                return f"{tool} (field manager {entry['manager']})"
    return ""
