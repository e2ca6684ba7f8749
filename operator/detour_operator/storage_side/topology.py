"""Whether what a volume or a storage class says of nodes admits one; pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Raw = Mapping[str, Any]

MEETS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: value is not None and int(value) > int(values[0]),
    "Lt": lambda value, values: value is not None and int(value) < int(values[0]),
}
"""https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#NodeSelector"""


def volume_reaches(volume: Raw, node: str, labels: Mapping[str, str]) -> bool:
    """Whether a PersistentVolume can be attached to the node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    if not required:
        return True
    return any(
        _all(term.get("matchExpressions"), labels)
        and _all(term.get("matchFields"), {"metadata.name": node})
        for term in required["nodeSelectorTerms"]
    )


def class_reaches(storage_class: Raw, labels: Mapping[str, str]) -> bool:
    """Whether a StorageClass may make a volume that the node can have."""
    terms = storage_class.get("allowedTopologies") or []
    return not terms or any(
        all(
            labels.get(one["key"]) in one["values"]
            for one in term.get("matchLabelExpressions") or []
        )
        for term in terms
    )


def _all(expressions: Sequence[Raw] | None, values: Mapping[str, str]) -> bool:
    return all(
        MEETS[one["operator"]](values.get(one["key"]), one.get("values") or ())
        for one in expressions or ()
    )
