"""A holder goes once its launcher has ended and KubeVirt keeps that, and for nothing else."""

import pytest

from detour_crds.names import COMPONENT_LABEL, SWITCH_LABEL
from detour_operator.compute_side.left_holders import SWEEP_SECONDS, LeftHolders
from unit.operator.api_server import serving, status

PODS = "/api/v1/namespaces/ns/pods"
HOLDER = f"{PODS}/hp-volume-detour-1"
SWITCH = "/apis/detour.dev/v1alpha1/namespaces/ns/attachmentswitches/move"


def holder(**changes):
    metadata = {
        "name": "hp-volume-detour-1",
        "namespace": "ns",
        "uid": "holder-uid",
        "labels": {COMPONENT_LABEL: "holder", SWITCH_LABEL: "move"},
        "ownerReferences": [{"kind": "Pod", "name": "virt-launcher", "uid": "launcher-uid"}],
        **changes,
    }
    return {"metadata": metadata, "status": {"phase": "Running"}}


def launcher(uid="launcher-uid"):
    return {"metadata": {"name": "virt-launcher", "namespace": "ns", "uid": uid}}


def switch(position, *, locked):
    return {
        "metadata": {"name": "move", "namespace": "ns", "uid": "s", "resourceVersion": "1"},
        "spec": {"virtualMachine": {"name": "vm"}, "volume": "data"},
        "status": {"position": position, "compute": {"locked": locked}},
    }


def swept(found, ended, there, refusal=None):
    """The deletions of one look."""
    deleted = []

    def answer(request):
        path = request.path.partition("?")[0]
        if path == "/api/v1/pods" and "fieldSelector" in request.path:
            assert (
                "kubevirt.io%3Dvirt-launcher&fieldSelector=status.phase%3DSucceeded"
                in request.path
            )
            return 200, {"items": ended, "metadata": {}}
        if path == "/api/v1/pods":
            assert f"labelSelector={COMPONENT_LABEL}%3Dholder&" in request.path
            return 200, {"items": [found], "metadata": {}}
        if request.method == "DELETE":
            deleted.append((path, request.body["preconditions"]["uid"]))
            return refusal or (200, {})
        return (200, there[path]) if path in there else status(404, "NotFound")

    with serving(answer) as server:
        after = LeftHolders(server.api()).reconcile("", "").after
    assert after == SWEEP_SECONDS
    return deleted


THIS_ONE = [(HOLDER, "holder-uid")]
LEFT = {
    "its switch has gone": {},
    "its switch has ended": {SWITCH: switch("Destination", locked=False)},
}
KEPT = {
    "its launcher runs, or nobody knows": (holder(), [], {}),
    "another launcher has ended": (holder(), [launcher("other")], {}),
    "a move is under way": (holder(), [launcher()], {SWITCH: switch("Frozen", locked=True)}),
    "a move is being tidied up after": (
        holder(),
        [launcher()],
        {SWITCH: switch("Destination", locked=True)},
    ),
    "it goes already": (holder(deletionTimestamp="2026-01-01T00:00:00Z"), [launcher()], {}),
    "whose it is cannot be told": (holder(labels={}), [launcher()], {}),
    "it is somebody else's": (holder(ownerReferences=[]), [launcher()], {}),
}


@pytest.mark.parametrize("there", LEFT.values(), ids=LEFT)
def test_it_goes_with_a_launcher_that_has_ended(there):
    assert swept(holder(), [launcher()], there) == THIS_ONE


@pytest.mark.parametrize(("found", "ended", "there"), KEPT.values(), ids=KEPT)
def test_it_stays(found, ended, there):
    assert swept(found, ended, there) == []


def test_one_that_is_another_by_now_is_left():
    refusal = status(409, "Conflict")
    assert swept(holder(), [launcher()], {}, refusal) == THIS_ONE
