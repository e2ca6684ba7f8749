"""Who applies a machine, also where its volumes are fields of their own."""

import pytest

from detour_operator.adapters.field_managers import overridden

CLAIM = {"f:persistentVolumeClaim": {"f:claimName": {}}}
LEFT = {'k:{"name":"data"}': {".": {}, "f:name": {}}}
WHOLE = {'k:{"name":"data"}': {"f:name": {}, **CLAIM}}
OTHERS = {'k:{"name":"other"}': {"f:name": {}, **CLAIM}}


def machine(volumes, *, operation="Apply", domain="f:domain"):
    template = {domain: {}, **({} if volumes is None else {"f:volumes": volumes})}
    fields = {"f:spec": {"f:template": {"f:spec": template}}}
    entry = {"manager": "tool", "operation": operation, "fieldsV1": fields}
    return {"metadata": {"managedFields": [entry]}}


@pytest.mark.parametrize(
    ("volumes", "manager"),
    [
        (None, "tool"),
        (LEFT, "tool"),
        (OTHERS, "tool"),
        ({}, ""),
        (WHOLE, ""),
        (OTHERS | WHOLE, ""),
    ],
    ids=[
        "the list is lost",
        "the claim is lost",
        "the volume is lost",
        "the list",
        "the claim",
        "all",
    ],
)
def test_one_that_lost_the_claim_is_named(volumes, manager):
    assert overridden(machine(volumes), "data") == manager


@pytest.mark.parametrize(
    "other",
    [
        machine(None, operation="Update"),
        machine(None, domain="f:hostname"),
        {"metadata": {}},
        {"metadata": {"managedFields": [{"operation": "Apply", "fieldsV1": {"f:spec": "x"}}]}},
    ],
    ids=["by update", "no manifest", "no fields", "nonsense"],
)
def test_nobody_else_is(other):
    assert overridden(other, "data") == ""
