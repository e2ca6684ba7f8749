"""A label selector as kubectl takes it (``-l``), as the API has it.

(https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#list-and-watch-filtering)
"""

import re
from typing import Final

from detour_crds.volume_migration_plan import LabelSelector, Requirement, SelectorOperator

KEY: Final = r"[A-Za-z0-9]([-./\w]*[A-Za-z0-9])?"
VALUE: Final = r"([A-Za-z0-9]([-.\w]*[A-Za-z0-9])?)?"
EQUALS: Final = re.compile(rf"(?P<key>{KEY}) *(?P<operator>==|!=|=) *(?P<value>{VALUE})")
AMONG: Final = re.compile(
    rf"(?P<key>{KEY}) +(?P<operator>in|notin) +\((?P<values>{VALUE}( *, *{VALUE})*)\)"
)
THERE: Final = re.compile(rf"(?P<not>!?) *(?P<key>{KEY})")
PARTS: Final = re.compile(r",(?![^()]*\))")
"""Commas outside of parentheses."""


def parsed(text: str) -> LabelSelector:
    """The selector.

    Raises:
        ValueError: it is none.
    """
    labels: dict[str, str] = {}
    found = []
    for part in map(str.strip, PARTS.split(text)):
        equals = EQUALS.fullmatch(part)
        if equals is not None and equals["operator"] != "!=" and equals["key"] not in labels:
            labels[equals["key"]] = equals["value"]
        else:
            found.append(_requirement(part))
    return LabelSelector(match_labels=labels or None, match_expressions=tuple(found) or None)


def _requirement(part: str) -> Requirement:
    if equals := EQUALS.fullmatch(part):
        differs = equals["operator"] == "!="
        operator = SelectorOperator.NOT_IN if differs else SelectorOperator.IN
        return Requirement(key=equals["key"], operator=operator, values=(equals["value"],))
    if among := AMONG.fullmatch(part):
        negated = among["operator"] == "notin"
        operator = SelectorOperator.NOT_IN if negated else SelectorOperator.IN
        values = tuple(value.strip() for value in among["values"].split(","))
        return Requirement(key=among["key"], operator=operator, values=values)
    if there := THERE.fullmatch(part):
        negated = there["not"] == "!"
        operator = SelectorOperator.DOES_NOT_EXIST if negated else SelectorOperator.EXISTS
        return Requirement(key=there["key"], operator=operator)
    raise ValueError(f"{part!r} is no label selector: write as tier=db, tier!=db, tier in (a,b)")
