"""The budget of a move: whose evictions it has wait, and with whom it goes."""

from detour_operator.adapters.pods import CREATED_BY_LABEL
from detour_operator.compute_side import facts
from detour_operator.compute_side.budget import budget_name, manifest

MADE = manifest("ns", "move", "switch-uid", "vmi-uid")


def test_it_is_for_the_launcher_pod_of_one_instance():
    assert MADE["spec"] == {
        "minAvailable": 1,
        "selector": {"matchLabels": {CREATED_BY_LABEL: "vmi-uid"}},
    }
    raw = {**MADE, "metadata": {**MADE["metadata"], "uid": "u"}}
    found = facts.budget(raw)
    assert (found.name, found.uid, found.instance, found.deleting) == (
        "detour-move", "u", "vmi-uid", False,
    )  # fmt: skip


def test_it_goes_with_the_switch():
    (owner,) = MADE["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == (
        "AttachmentSwitch", "move", "switch-uid",
    )  # fmt: skip


def test_its_name_is_one_that_the_api_takes():
    assert budget_name("move") == "detour-move"
    assert len(budget_name("x" * 253)) == 253
