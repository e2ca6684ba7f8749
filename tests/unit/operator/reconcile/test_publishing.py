"""Only changes are written, and only the writer's own fields."""

import pytest

from detour_crds.conditions import Condition, Status
from detour_operator.reconcile.publishing import status_patch, turned

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
