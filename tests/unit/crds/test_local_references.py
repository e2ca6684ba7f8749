"""Nothing that is asked for can be in another namespace than the object that asks."""

import pathlib
from collections.abc import Iterator

import pytest
import yaml

CRDS = sorted((pathlib.Path(__file__).parents[3] / "crds").glob("*.yaml"))


def properties(schema: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every property of a schema by its path."""
    for name, below in schema.get("properties", {}).items():
        yield f"{path}.{name}", below
        yield from properties(below, f"{path}.{name}")
    if "items" in schema:
        yield from properties(schema["items"], f"{path}[]")


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_no_field_names_a_namespace(path):
    definition = yaml.safe_load(path.read_text())
    assert definition["spec"]["scope"] == "Namespaced"
    (version,) = definition["spec"]["versions"]
    found = dict(properties(version["schema"]["openAPIV3Schema"]))
    assert {".spec.virtualMachine.name", ".spec.template"} & set(found)
    assert [name for name in found if "namespace" in name.lower()] == []
    assert [name for name, below in found.items() if _is_open(below)] == []


def _is_open(schema: dict) -> bool:
    """Whether anything at all may stand there, a reference with a namespace included."""
    unknown = schema.get("x-kubernetes-preserve-unknown-fields")
    further = schema.get("additionalProperties")
    # The values of labels are words, and no place for a reference.
    return bool(unknown) or (further is not None and further.get("type") != "string")


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_a_name_cannot_lead_out_of_its_namespace_or_folder(path):
    definition = yaml.safe_load(path.read_text())
    (version,) = definition["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name, below in properties(spec):
        if name.endswith((".name", ".claimName", ".volume", ".storageClassName")):
            assert below.get("maxLength", 0) in (63, 253), name
            # A storage class may be the empty string, which means none.
            assert below["pattern"].startswith(("^[a-z0-9](", "^([a-z0-9](")), name
            assert "/" not in below["pattern"], name
