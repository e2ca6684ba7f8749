"""Only changes are written, and only the writer's own fields."""

import pytest

from detour_crds.conditions import Condition, Status
from detour_operator.reconcile.publishing import (
    WORDS_SECONDS,
    Words,
    is_only_told,
    status_patch,
    turned,
)

OWNED = ("position", "compute")


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        pytest.param(None, {"position": "Frozen"}, {"position": "Frozen"}, id="first"),
        pytest.param({"position": "Frozen"}, {"position": "Frozen"}, {}, id="nothing changed"),
        pytest.param(
            {"compute": {"node": "a", "order": ""}},
            {"compute": {"node": "a", "order": "Overlay"}},
            {"compute": {"order": "Overlay"}},
            id="a field inside",
        ),
        pytest.param(
            {"position": "Frozen", "node": {"stage": "overlay"}},
            {"position": "Frozen"},
            {},
            id="another writer's field stays",
        ),
        pytest.param({"position": "Frozen"}, {}, {"position": None}, id="taken away"),
        pytest.param({}, {"other": 1}, {}, id="not ours to write"),
    ],
)
def test_the_patch(before, after, patch):
    assert status_patch(before, after, OWNED) == ({"status": patch} if patch else {})


def test_what_turned():
    def one(status, reason="Because", message=""):
        return Condition(type="Ready", status=status, reason=reason, message=message)

    before = [one(Status.FALSE)]
    assert turned(before, [one(Status.FALSE, message="other words")]) == ()
    assert turned(before, [one(Status.TRUE)]) == (one(Status.TRUE),)
    assert turned(before, [one(Status.FALSE, "Other")]) == (one(Status.FALSE, "Other"),)
    assert turned([], [one(Status.FALSE)]) == (one(Status.FALSE),)


def conditions(*given):
    names = ("type", "status", "reason", "message")
    return {"conditions": [dict(zip(names, one, strict=True)) for one in given]}


READY, COPIED = ("Ready", "False", "Because", ""), ("Copied", "False", "Copying", "")
BEFORE = {"phase": "Copying", **conditions(READY, COPIED)}


@pytest.mark.parametrize(
    ("after", "only"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"progress": {"bytes": 2}}, True, id="a field for people"),
        pytest.param(conditions(("Ready", "False", "Because", "other"), COPIED), True, id="words"),
        pytest.param(conditions(("Ready", "True", "Because", ""), COPIED), False, id="a status"),
        pytest.param(conditions(("Ready", "False", "Other", ""), COPIED), True, id="a summary"),
        pytest.param(conditions(READY, ("Copied", "False", "Failed", "")), False, id="a reason"),
        pytest.param(conditions(READY), False, id="a condition less"),
        pytest.param({"position": "Frozen"}, False, id="a field that counts"),
        pytest.param({"phase": None}, False, id="a field less"),
    ],
)
def test_whether_a_pass_may_rest_on_what_changed(after, only):
    assert is_only_told(BEFORE, {**BEFORE, **after}, ("progress",)) is only


def test_words_wait_where_the_object_was_written_just_now():
    now = [0.0]
    words = Words(clock=lambda: now[0])
    assert words.wait("a") == 0.0
    words.written("a")
    assert (words.wait("a"), words.wait("b")) == (WORDS_SECONDS, 0.0)
    now[0] = 0.75
    words.written("b")
    assert words.wait("a") == 0.25
    now[0] = 1.0
    assert words.wait("a") == 0.0
    words.written("c")
    assert words._written.keys() == {"b", "c"}, "what is long ago is forgotten"
