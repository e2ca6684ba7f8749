"""The Python twin says what the hand-written schemas say, field by field."""

import collections.abc
import dataclasses
import enum
import pathlib
import types
import typing

import pytest
import yaml

from detour_crds import attachment_switch, volume_migration, volume_migration_plan
from detour_crds.serialise import json_name, merge_patch, parse, serialise

CRDS = pathlib.Path(__file__).parents[3] / "crds"
TWINS = {
    "volumemigrations": (
        volume_migration.VolumeMigrationSpec,
        volume_migration.VolumeMigrationStatus,
    ),
    "attachmentswitches": (
        attachment_switch.AttachmentSwitchSpec,
        attachment_switch.AttachmentSwitchStatus,
    ),
    "volumemigrationplans": (
        volume_migration_plan.VolumeMigrationPlanSpec,
        volume_migration_plan.VolumeMigrationPlanStatus,
    ),
}


def schema(crd):
    document = yaml.safe_load((CRDS / f"{crd}.yaml").read_text())
    return document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def pairs():
    for crd, (spec, status) in TWINS.items():
        properties = schema(crd)["properties"]
        yield from walk(f"{crd}.spec", spec, properties["spec"])
        yield from walk(f"{crd}.status", status, properties["status"])


def walk(path, kind, node):
    yield path, kind, node
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        inner = bare(hints[field.name])
        child = node["properties"].get(json_name(field), {})
        if typing.get_origin(inner) is tuple:
            inner = typing.get_args(inner)[0]
            child = child.get("items", {})
        if dataclasses.is_dataclass(inner):
            yield from walk(f"{path}.{json_name(field)}", inner, child)


def bare(kind):
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(kind) if part is not type(None))
    return kind


def json_type(kind):
    if typing.get_origin(kind) is tuple:
        return "array"
    if dataclasses.is_dataclass(kind) or typing.get_origin(kind) is collections.abc.Mapping:
        return "object"
    return {bool: "boolean", int: "integer"}.get(kind, "string")


ALL = list(pairs())


@pytest.mark.parametrize(("path", "kind", "node"), ALL, ids=[path for path, _, _ in ALL])
def test_object_has_the_same_fields(path, kind, node):
    hints = typing.get_type_hints(kind)
    fields = {json_name(field): field for field in dataclasses.fields(kind)}
    assert set(fields) == set(node["properties"])
    for name, field in fields.items():
        declared = node["properties"][name]
        inner = bare(hints[field.name])
        assert declared["type"] == json_type(inner), name
        assert declared.get("description"), f"{path}.{name} has no description"
        if isinstance(inner, type) and issubclass(inner, enum.Enum) and "enum" in declared:
            assert [item.value for item in inner if item] == [v for v in declared["enum"] if v]
        if "default" in declared:
            assert as_json(default_of(field)) == with_defaults(declared), name
    needed = {
        json_name(field) for field in fields.values() if default_of(field) is dataclasses.MISSING
    }
    assert needed <= set(node.get("required", [])), "a field without a default must be required"


def default_of(field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def as_json(value):
    return serialise(value) if dataclasses.is_dataclass(value) else getattr(value, "value", value)


def with_defaults(declared):
    """An object's default as the API server makes it: the defaults of its fields come with it."""
    if declared["type"] != "object":
        return declared["default"]
    inner = {
        name: with_defaults(child)
        for name, child in declared["properties"].items()
        if "default" in child
    }
    return inner | declared["default"]


@pytest.mark.parametrize("crd", TWINS)
def test_crd_carries_every_description(crd):
    def check(path, node):
        assert node.get("description"), path
        for name, child in node.get("properties", {}).items():
            check(f"{path}.{name}", child)
        for inner in ("items", "additionalProperties"):
            if inner in node:
                check(f"{path}[]", node[inner])

    check(crd, schema(crd))


def test_a_plan_s_template_is_the_spec_of_its_migrations():
    """Each field has one description, one default and one set of values."""
    template = schema("volumemigrationplans")["properties"]["spec"]["properties"]["template"]
    spec = schema("volumemigrations")["properties"]["spec"]["properties"]
    assert template["properties"] == {name: spec[name] for name in template["properties"]}
    left_out = {"virtualMachine", "volume", "destination", "cancel", "dryRun"}
    answers = {"trust", "answeredStop"}
    assert set(spec) - set(template["properties"]) == left_out | answers


def test_the_limits_of_a_plan_s_list_of_disks_are_the_schema_s():
    disks = schema("volumemigrationplans")["properties"]["status"]["properties"]["disks"]
    assert disks["maxItems"] == volume_migration_plan.MOST_DISKS


def test_a_map_survives_the_round_trip():
    given = {"matchLabels": {"tier": "db"}, "matchExpressions": [{"key": "a", "operator": "In"}]}
    selector = parse(volume_migration_plan.LabelSelector, given)
    assert selector.match_labels == {"tier": "db"}
    assert serialise(selector) == given
    with pytest.raises(ValueError, match=r"matchLabels\.tier"):
        parse(volume_migration_plan.LabelSelector, {"matchLabels": {"tier": 1}})


def test_spec_survives_the_round_trip():
    given = {
        "virtualMachine": {"name": "vm"},
        "volume": "data",
        "destination": {
            "claimTemplate": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]}
        },
        "copy": {"method": "HostAssisted", "verify": "Checksum"},
        "hold": True,
    }
    spec = parse(volume_migration.VolumeMigrationSpec, given)
    assert spec.destination.claim_template.access_modes == ("ReadWriteOnce",)
    assert spec.overlay.where is volume_migration.OverlayPlace.NODE_LOCAL
    again = parse(volume_migration.VolumeMigrationSpec, serialise(spec))
    assert again == spec


def test_unknown_fields_are_ignored_and_wrong_types_are_not():
    parse(attachment_switch.Compute, {"token": "t", "ofANewerVersion": 1})
    with pytest.raises(ValueError, match="token"):
        parse(attachment_switch.Compute, {"token": 1})
    with pytest.raises(ValueError, match="attempt"):
        parse(attachment_switch.Compute, {"attempt": True})
    with pytest.raises(ValueError, match="Sideways"):
        parse(attachment_switch.Compute, {"order": "Sideways"})


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"b": 2}, {"a": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"y": 3}}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {"x": None}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        (None, {"a": {"x": 1}}, {"a": {"x": 1}}),
    ],
    ids=["add", "same", "remove", "inner", "inner removed", "list replaced", "from nothing"],
)
def test_merge_patch(old, new, patch):
    assert merge_patch(old, new) == patch
