"""The generator of ``make fuzz``: what it draws is what its page says, and the same each time."""

import collections
import json
import os
import subprocess
import sys
from random import Random

import jsonschema
import pytest

from fuzz import __main__ as program
from fuzz import cases, schema
from fuzz.cases import MIGRATION, SWITCH


@pytest.fixture(scope="module")
def many():
    return [cases.drawn(seed) for seed in range(600)]


@pytest.mark.parametrize("kind", [MIGRATION, SWITCH])
def test_what_is_drawn_as_valid_is_valid(kind):
    whole = cases.spec_schema(kind)
    checked = jsonschema.Draft202012Validator(whole)
    for seed in range(300):
        found = schema.valid(whole, Random(seed), cases.HINTS)
        assert list(checked.iter_errors(found)) == []


@pytest.mark.parametrize("kind", [MIGRATION, SWITCH])
def test_every_field_is_drawn_and_spoiled(kind):
    whole, there = cases.spec_schema(kind), set()
    for seed in range(300):
        there |= set(fields(schema.valid(whole, Random(seed), cases.HINTS)))
    assert set(schema.paths(whole)) <= there
    for path in schema.paths(whole):
        found = [schema.spoiled({}, Random(seed), path) for seed in range(40)]
        assert len({json.dumps(item) for item in found}) > 20


def fields(value, above=()):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from fields(inner, (*above, name))


def test_a_value_is_not_spoiled_in_place():
    value = {"copy": {"method": "Auto"}}
    for seed in range(20):
        schema.spoiled(value, Random(seed), ("copy", "method"))
    assert value == {"copy": {"method": "Auto"}}


def test_a_pattern_that_is_not_known_is_told():
    with pytest.raises(LookupError, match="pattern"):
        schema.valid({"type": "string", "maxLength": 9, "pattern": "^x$"}, Random(1), {})
    with pytest.raises(LookupError, match="type number"):
        schema.valid({"type": "number"}, Random(1), {})


def test_a_seed_says_the_case_whatever_was_drawn_before(many):
    assert cases.drawn(77) == many[77]
    script = (
        "import json; from fuzz import cases; print(json.dumps(cases.as_json(cases.drawn(77))))"
    )
    other = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", script], env=other, capture_output=True, text=True, check=True
    ).stdout
    assert cases.from_json(json.loads(told)) == many[77]


def test_a_case_is_the_same_from_its_record(tmp_path, many):
    record = tmp_path / "fuzz.json"
    record.write_text(json.dumps([{"case": cases.as_json(case)} for case in many]))
    assert program.chosen({"REPLAY": str(record)}) == many


def test_the_cases_that_are_asked_for(many):
    assert program.chosen({"SEED": "5", "RUNS": "3"}) == many[5:8]
    assert len(program.chosen({})) == 2000


def test_cases_are_of_every_sort(many):
    kinds = collections.Counter(case.kind for case in many)
    assert min(kinds[MIGRATION], kinds[SWITCH]) > 100
    steps = {step["do"] for case in many for step in case.steps}
    assert steps == set(cases.STEPS)
    names = {case.metadata["name"] for case in many if isinstance(case.metadata["name"], str)}
    assert {len(name) for name in names} >= {62, 63, 64, 253, 254}
    assert any(case.beside is not None for case in many)
    assert any(not isinstance(case.spec, dict) for case in many)
    assert any(cases.FOREIGN_FINALIZER in (case.metadata.get("finalizers") or ()) for case in many)


def test_no_two_objects_have_one_name(many):
    told = [case.metadata["name"] for case in many if isinstance(case.metadata["name"], str)]
    whole = [name for name in told if name not in ("", "..")]
    assert len(set(whole)) == len(whole)


def test_many_cases_are_what_their_schema_allows(many):
    """Else the API server would answer nearly all of them, and the operator none."""
    valid = [
        case
        for case in many
        if jsonschema.Draft202012Validator(cases.spec_schema(case.kind)).is_valid(case.spec)
    ]
    assert len(many) / 3 < len(valid) < len(many) * 0.9
