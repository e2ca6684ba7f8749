"""Every field of the CRDs' Python twin, with a value of its own that the schema allows."""

import dataclasses
import enum
import itertools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from detour_crds.serialise import json_name
from fuzz.schema import CLASS_NAME, LABEL, NAME, QUANTITY, STOP

TEXT = 'é "名前" \\ \u202e\n\t</x> ~1 / \U0001f4be'
INTEGERS = {"int32": 2**31 - 1, "int64": 2**63 - 1}
PATTERNS = {
    NAME: "a-1.b{}",
    LABEL: "a-1-{}",
    CLASS_NAME: "a-1.b{}",
    QUANTITY: "{}.5Gi",
    STOP: "NodeLost-1234abcd-{}",
}
T = typing.TypeVar("T")


def of(kind: type[T], schema: Mapping[str, Any]) -> T:
    """All of a dataclass; enumerations have their last value, and no two texts are the same."""
    return typing.cast("T", _value(kind, schema, itertools.count(1)))


def _value(kind: Any, schema: Mapping[str, Any], numbers: Iterator[int]) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
        return _value(kind, schema, numbers)
    if origin is tuple:
        return (_value(typing.get_args(kind)[0], schema["items"], numbers),)
    if dataclasses.is_dataclass(kind):
        hints, properties = typing.get_type_hints(kind), schema["properties"]
        return typing.cast("Any", kind)(
            **{
                field.name: _value(hints[field.name], properties[json_name(field)], numbers)
                for field in dataclasses.fields(kind)
            }
        )
    if issubclass(kind, enum.Enum):
        return list(kind)[-1]
    if kind is bool:
        return True
    return _integer(schema) if kind is int else _text(schema, next(numbers))


def _integer(schema: Mapping[str, Any]) -> int:
    return int(schema.get("maximum", INTEGERS[schema["format"]]))


def _text(schema: Mapping[str, Any], number: int) -> str:
    if "enum" in schema:
        return str(schema["enum"][-1])
    if schema.get("format") == "date-time":
        return f"2026-01-01T00:{number % 60:02}:59Z"
    form = PATTERNS[schema["pattern"]] if "pattern" in schema else f"{{}} {TEXT}"
    return form.format(number)
