"""Between dataclasses and the API's JSON, by the dataclass's own annotations.

``vm_uid`` is ``vmUid`` in JSON unless the field's metadata names it otherwise. Unknown JSON fields
are ignored, so that a newer writer does not break an older reader; absent ones take the default.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


def named(name: str) -> dict[str, str]:
    """Metadata of a field whose JSON name is not its Python name in camel case."""
    return {"json": name}


def json_name(field: "dataclasses.Field[Any]") -> str:
    """The field's name in JSON."""
    if "json" in field.metadata:
        return str(field.metadata["json"])
    head, *rest = field.name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def parse(kind: type[T], value: Mapping[str, Any] | None) -> T:
    """Read a dataclass from JSON.

    Raises:
        ValueError: a value is of another type than the field's, or not in its enumeration.
    """
    given = value or {}
    found = {}
    for field, name, hint in _fields(cast("Any", kind)):
        if given.get(name) is not None:
            found[field] = _parse_value(hint, given[name], name)
    return kind(**found)


@functools.cache
def _fields(kind: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    """Name, JSON name and type of each field; every look at an object asks for them."""
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    return tuple((field.name, json_name(field), hints[field.name]) for field in fields)


def _parse_value(kind: Any, value: Any, name: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
        return _parse_value(kind, value, name)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{name}: expected a list, found {type(value).__name__}")
        return tuple(_parse_value(typing.get_args(kind)[0], item, name) for item in value)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ValueError(f"{name}: expected an object, found {type(value).__name__}")
        inner = typing.get_args(kind)[1]
        return {key: _parse_value(inner, item, f"{name}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ValueError(f"{name}: expected an object, found {type(value).__name__}")
        return parse(cast("type[Any]", kind), value)
    if issubclass(kind, enum.Enum):
        return kind(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{name}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def serialise(value: Any) -> dict[str, Any]:
    """Write a dataclass as JSON; fields that are None are left out."""
    written = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if item is not None:
            written[json_name(field)] = _serialise_value(item)
    return written


def _serialise_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return serialise(value)
    if isinstance(value, tuple):
        return [_serialise_value(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _serialise_value(item) for key, item in value.items()}
    if isinstance(value, enum.Enum):
        return value.value
    return value


def merge_patch(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7396) that makes ``new`` of ``old``; empty if they are equal."""
    before = old or {}
    patch: dict[str, Any] = {name: None for name in before if name not in new}
    for name, value in new.items():
        there = before.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            inner = merge_patch(there, value)
            if inner:
                patch[name] = inner
        elif value != there:
            patch[name] = value
    return patch
