"""Whether labels are selected, as Kubernetes has it; pure.

(https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors)
"""

from collections.abc import Mapping
from typing import assert_never

from detour_crds.volume_migration_plan import LabelSelector, Requirement, SelectorOperator


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether all that the selector says is so."""
    if selector is None:
        return True
    wanted = (selector.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _holds(item, labels) for item in selector.match_expressions or ()
    )


def _holds(item: Requirement, labels: Mapping[str, str]) -> bool:
    value, named = labels.get(item.key), item.values or ()
    match item.operator:
        case SelectorOperator.IN:
            return value in named
        case SelectorOperator.NOT_IN:
            return value not in named
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None
        case _:
            assert_never(item.operator)
