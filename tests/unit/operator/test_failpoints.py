"""Every effect of the operator lies between two fail points."""

import ast
import functools
import pathlib
import typing

import pytest

import detour_failpoints
from detour_operator.adapters import stored
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    VOLUME_MIGRATION_PLANS,
    VOLUME_MIGRATIONS,
)
from detour_operator.compute_side import apply as compute_apply
from detour_operator.plans import apply as plans_apply
from detour_operator.storage_side import apply as storage_apply
from robustness import points

SOURCES = pathlib.Path(stored.__file__).parents[1]
CHANGES = {"create", "merge_patch", "json_patch", "delete"}
WITH_POINTS = {
    "storage_side/apply.py",
    "compute_side/apply.py",
    "compute_side/left_holders.py",
    "plans/apply.py",
}
# They record what was decided: the points are in the function itself.
RECORDS = {"stored.patch_status", "migrations.publish", "plans.publish"}
WITHOUT = {
    "events.Events": "tells people, and nothing follows from it",
    "virtual_machine_handover.acting": "a question",
    "virtual_machine_handover.machine_refuses": "a dry run",
}


class Fake:
    """Takes any call."""

    def __getattr__(self, _name):
        return Fake()

    def __call__(self, *_given, **_named):
        return Fake()


@pytest.fixture
def passed(monkeypatch):
    found = []
    monkeypatch.setattr(detour_failpoints, "reach", lambda *points: found.extend(points))
    return found


def instances(union):
    """One of each action; its fields do not matter."""
    return [kind.__new__(kind) for kind in typing.get_args(union)]


def name_of(action):
    return type(action).__name__


@pytest.mark.parametrize("action", instances(storage_apply.Action), ids=name_of)
def test_each_action_of_the_storage_side_has_its_points(passed, monkeypatch, action):
    monkeypatch.setattr(storage_apply, "_apply", lambda *_given: passed.append("it"))
    storage_apply.apply(Fake(), Fake(), Fake(), action)
    name = f"storage.{type(action).__name__}"
    assert passed == [f"{name}.before", "it", f"{name}.after"]
    assert name in points.operator()


@pytest.mark.parametrize("action", instances(compute_apply.actions.Action), ids=name_of)
def test_each_action_of_the_compute_side_has_its_points(passed, monkeypatch, action):
    monkeypatch.setattr(compute_apply.Apply, "_apply", lambda *_given: passed.append("it"))
    compute_apply.Apply(Fake(), Fake(), Fake()).action(action)
    name = f"compute.{type(action).__name__}"
    assert passed == [f"{name}.before", "it", f"{name}.after"]
    assert name in points.operator()


@pytest.mark.parametrize("action", instances(plans_apply.Action), ids=name_of)
def test_each_action_of_a_plan_has_its_points(passed, monkeypatch, action):
    object.__setattr__(action, "name", "move")
    monkeypatch.setattr(plans_apply, "_apply", lambda *_given: passed.append("it"))
    plans_apply.apply(Fake(), Fake(), action)
    name = f"plans.{type(action).__name__}"
    assert passed == [f"{name}.before", "it", f"{name}.after"]
    assert name in points.operator()


@pytest.mark.parametrize(
    ("resource", "changes", "names"),
    [
        (
            ATTACHMENT_SWITCHES,
            {"position": "Frozen", "compute": {"locked": True, "order": "Overlay"}},
            ["position", "locked", "order.Overlay"],
        ),
        (VOLUME_MIGRATIONS, {"phase": "Copying", "copied": None}, ["phase", "copied"]),
        (VOLUME_MIGRATION_PLANS, {"phase": "Moving", "disks": []}, ["phase", "disks"]),
    ],
)
def test_each_field_that_is_recorded_has_its_points(passed, resource, changes, names):
    meta = Fake()
    stored.patch_status(Fake(), resource, meta, {"status": changes})
    side = stored.SIDES[resource]
    known = points.operator()
    effects = [f"{side}.record.{name}" for name in names]
    assert set(effects) <= set(known)
    assert passed == [f"{effect}.{when}" for when in ("before", "after") for effect in effects]


@pytest.mark.thorough
def test_nothing_is_changed_anywhere_else():
    """Whoever adds an effect does it where the points are, or says why it needs none."""
    changing = changing_functions()
    assert {"pods.create", "claims.delete", "stored.patch_status"} <= changing
    elsewhere = {
        f"{where}: {name}"
        for where, name in calls()
        if name in changing - RECORDS - WITHOUT.keys() and where not in WITH_POINTS
    }
    assert elsewhere == set()


def test_nobody_else_speaks_to_the_api():
    direct = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if path.parent.name != "adapters" and any(map(is_change, every_call(path)))
    }
    assert direct == set()


@functools.cache
def every_call(path):
    parsed = ast.parse(path.read_text())
    return [node for node in ast.walk(parsed) if isinstance(node, ast.Call)]


def is_change(call):
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in CHANGES:
        return False
    return ast.unparse(function.value).split(".")[-1].lstrip("_") == "api"


def changing_functions():
    """What changes something of the API, directly or by another one, as ``module.function``."""
    defined, found = {}, set()
    for path in (SOURCES / "adapters").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                name = f"{path.stem}.{node.name}"
                inside = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
                defined[name] = {called(call, path.stem) for call in inside}
                found |= {name} if any(map(is_change, inside)) else set()
    found.discard("client.Api")
    while True:
        more = {
            name
            for name, body in defined.items()
            if name not in found and any(call in found for call in body)
        }
        if not more:
            return found
        found |= more


def called(call, module):
    """What is called, as ``module.function``."""
    function = ast.unparse(call.func)
    return function if "." in function else f"{module}.{function}"


def calls():
    """Every call by the name of a module of the adapters, outside of these."""
    for path in SOURCES.rglob("*.py"):
        if path.parent.name != "adapters":
            for call in every_call(path):
                yield str(path.relative_to(SOURCES)), called(call, path.stem)
