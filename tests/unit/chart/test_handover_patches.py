"""The patches of the handover, asked of a real API server (recovery rule R5)."""

import json

import pytest

from detour_crds import names
from detour_operator.adapters import instances
from detour_operator.adapters import virtual_machine_handover as machines
from detour_operator.adapters.client import _Request
from detour_operator.adapters.field_managers import overridden
from detour_operator.adapters.resources import INSTANCES, VIRTUAL_MACHINES
from detour_operator.compute_side import handover
from detour_operator.errors import Conflict
from unit.chart import locked

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

FENCE = names.fence_annotation("data")
KUBEVIRT = "kubevirt"


STEPS = {
    "open": lambda read: handover.open_fence(read, "data", "t-1"),
    "hand": lambda read: handover.hand_instance(read, "data", locked.claim_of("new"), "t-1"),
    "finish": handover.finish_instance,
    "close": lambda read: handover.close_fence(read, "data"),
}
"""What is done to an instance, in this order."""


@pytest.mark.parametrize("annotations", [None, {"a": "b"}], ids=["none", "others"])
def test_an_instance_is_handed_over_step_by_step(api, namespace, make, now, annotations):
    make(INSTANCES)
    if annotations:
        patch = {"metadata": {"annotations": annotations}}
        api.merge_patch(INSTANCES, namespace, "move", patch)
    seen = {}
    for step, patch in STEPS.items():
        machines.patch_instance(api, KUBEVIRT, namespace, "move", patch(now(INSTANCES)))
        seen[step] = now(INSTANCES)
    assert seen["open"]["metadata"]["annotations"] == {FENCE: "t-1", **(annotations or {})}
    volume, _ = seen["hand"]["spec"]["volumes"]
    assert volume == {"name": "data", "persistentVolumeClaim": {"claimName": "new"}}
    assert [item["volumeName"] for item in seen["hand"]["status"]["migratedVolumes"]] == ["data"]
    assert "migratedVolumes" not in seen["finish"]["status"]
    assert seen["close"]["metadata"].get("annotations") == annotations


@pytest.mark.parametrize("step", STEPS)
def test_a_late_step_changes_nothing(api, namespace, make, again, now, step):
    """Neither of an instance that was changed since, nor of another one of that name."""
    make(INSTANCES)
    for earlier in list(STEPS)[: list(STEPS).index(step)]:
        instances.annotate(api, namespace, "move", STEPS[earlier](now(INSTANCES)))
    late = STEPS[step](now(INSTANCES))
    api.merge_patch(INSTANCES, namespace, "move", {"metadata": {"labels": {"a": "b"}}})
    for look in (now, again):
        there = look(INSTANCES)
        with pytest.raises(Conflict) as caught:
            machines.patch_instance(api, KUBEVIRT, namespace, "move", late)
        assert type(caught.value) is Conflict
        assert now(INSTANCES) == there


@pytest.mark.parametrize("fence", [None, "t-2"], ids=["closed", "another attempt's"])
def test_no_instance_is_handed_over_past_its_fence(api, namespace, make, now, fence):
    make(INSTANCES)
    if fence:
        patch = handover.open_fence(now(INSTANCES), "data", fence)
        instances.annotate(api, namespace, "move", patch)
    there = now(INSTANCES)
    with pytest.raises(Conflict):
        machines.patch_instance(api, KUBEVIRT, namespace, "move", STEPS["hand"](there))
    assert now(INSTANCES) == there


def test_a_machine_is_handed_over_and_its_strategy_put_back(api, namespace, make, now):
    make(VIRTUAL_MACHINES, dataVolumeTemplates=[{"metadata": {"name": "old"}}])
    late = handover.hand_machine(now(VIRTUAL_MACHINES), "data", "other", live=True)
    for patch in (
        lambda read: handover.hand_machine(read, "data", "new", live=True),
        handover.take_strategy_off,
        lambda read: handover.put_strategy_back(read, "Replacement"),
        lambda read: handover.put_strategy_back(read, ""),
    ):
        machines.patch_machine(api, namespace, "move", patch(now(VIRTUAL_MACHINES)))
        with pytest.raises(Conflict):
            machines.patch_machine(api, namespace, "move", late)
    volume, _ = now(VIRTUAL_MACHINES)["spec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "new"}
    assert "updateVolumesStrategy" not in now(VIRTUAL_MACHINES)["spec"]


@pytest.mark.parametrize("value", ["fine", "not a label"])
def test_a_change_of_the_machine_is_tried_and_not_made(api, namespace, make, now, value):
    make(VIRTUAL_MACHINES)
    there = now(VIRTUAL_MACHINES)
    tried = [
        *handover.hand_machine(there, "data", "new", live=True),
        {"op": "add", "path": "/metadata/labels", "value": {"kind": value}},
    ]
    said = machines.machine_refuses(api, namespace, "move", tried)
    assert (said is None) is (value == "fine")
    assert value in (said or value)
    assert now(VIRTUAL_MACHINES) == there


@pytest.mark.parametrize("resource", [INSTANCES, VIRTUAL_MACHINES], ids=lambda item: item.plural)
def test_waking_leaves_nothing_behind(api, namespace, make, now, resource):
    first = make(resource)
    for operations in handover.wake(first):
        api.json_patch(resource, namespace, "move", operations)
    last = now(resource)
    assert last["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert not last["metadata"].get("annotations")


def applied(api, namespace, claim, manager):
    """The VM as a tool applies it, of fields that are its own."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    template = {"spec": {"domain": {"devices": {}}, "volumes": volumes}}
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "web"},
        "spec": {"runStrategy": "Always", "template": template},
    }
    request = _Request(
        "PATCH",
        VIRTUAL_MACHINES.path(namespace, "web"),
        query=(("fieldManager", manager), ("force", "true")),
        content_type="application/apply-patch+yaml",
        body=json.dumps(body),
    )
    return api._json(request)


def test_who_applies_a_machine_and_has_not_applied_its_new_claim_is_known(api, namespace):
    """Server-side apply leaves no copy of the manifest, but the fields that are its manager's."""
    before = applied(api, namespace, "old", "kustomize-controller")
    assert overridden(before, "data") == ""
    patch = handover.hand_machine(before, "data", "new", live=True)
    machines.patch_machine(api, namespace, "web", patch)
    handed = api.get(VIRTUAL_MACHINES, namespace, "web")
    assert overridden(handed, "data") == "kustomize-controller"
    declared = applied(api, namespace, "new", "kustomize-controller")
    assert overridden(declared, "data") == ""
