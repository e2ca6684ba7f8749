"""After the unlock KubeVirt is woken to start what the lock had it give up on for a while."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.conditions import Condition, Status, SwitchCondition
from detour_operator.compute_side import actions, handover
from detour_operator.compute_side.apply import Apply
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from detour_operator.errors import Forbidden
from unit.operator import compute_samples as samples
from unit.operator.compute_cluster import applied
from unit.operator.compute_switches import seen

UNLOCKED = "2026-01-02T00:00:00Z"
SOON, LATE = "2026-01-02T00:00:05Z", "2026-01-02T00:00:31Z"
DOWN = {"phase": "Failed"}
KEPT = {"kept_running": True}


def at_end(*, now=SOON, machine=KEPT, instance=DOWN, switch=None, position=Position.SOURCE):
    """An ended switch whose machine is down although it is to run."""
    observed = seen(
        compute={"locked": False, "lock_proven": False},
        position=position,
        machine=machine,
        instance=instance,
        switch=switch,
        now=now,
    )
    told = tuple(
        Condition(type=kind, status=Status.FALSE, reason="r", last_transition_time=UNLOCKED)
        for kind in (SwitchCondition.LOCKED.value, SwitchCondition.RECONCILING.value)
    )
    status = dataclasses.replace(observed.switch.status, conditions=told)
    ended = dataclasses.replace(observed.switch, status=status)
    return dataclasses.replace(observed, switch=ended)


@pytest.mark.parametrize("position", [Position.SOURCE, Position.DESTINATION])
@pytest.mark.parametrize("instance", [DOWN, {"phase": "Succeeded"}, Nothing.ABSENT])
def test_kubevirt_is_woken_until_the_machine_has_an_instance(instance, position):
    decision = decide(at_end(instance=instance, position=position))
    assert decision.actions == (actions.WakeKubeVirt(),)
    assert decision.after == 5


def test_before_the_switch_is_let_go():
    decision = decide(at_end(switch={"deleting": True}))
    assert decision.actions == (actions.WakeKubeVirt(),)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": LATE},
        {"now": ""},
        {"machine": {"kept_running": False}},
        {"machine": {"kept_running": True, "deleting": True}},
        {"machine": Nothing.ABSENT},
        {"instance": {"phase": "Running"}},
        {"instance": {"phase": "Scheduling"}},
    ],
    ids=str,
)
def test_it_is_left_alone_otherwise(changes):
    assert decide(at_end(**changes)).actions == ()
    assert decide(at_end(**changes)).after is None
    going = decide(at_end(switch={"deleting": True}, **changes))
    assert going.actions == (actions.RemoveFinalizer(),)


@pytest.mark.parametrize("changes", [{"machine": Nothing.UNKNOWN}, {"instance": Nothing.UNKNOWN}])
def test_what_could_not_be_read_is_looked_at_again_and_changes_nothing_that_is_told(changes):
    known, unknown = decide(at_end()), decide(at_end(**changes))
    assert unknown.actions == ()
    assert unknown.after == 5
    assert unknown.status == known.status


@pytest.mark.parametrize("annotations", [None, {"a": "b"}], ids=str)
def test_waking_leaves_nothing_behind(annotations):
    raw = samples.machine()
    if annotations:
        raw["metadata"]["annotations"] = annotations
    put, taken = handover.wake(raw)
    woken = applied(raw, put)
    assert woken["metadata"]["annotations"] != (annotations or {})
    woken["metadata"]["resourceVersion"] = "8"
    assert applied(woken, taken)["metadata"]["annotations"] == (annotations or {})


class Patched:
    """An API that takes patches, or refuses them."""

    def __init__(self, error=None):
        self.paths = []
        self.error = error

    def json_patch(self, resource, namespace, name, operations, **_more):
        if self.error:
            raise self.error
        self.paths.append(resource.plural)


def woken(api, instance):
    found = dataclasses.make_dataclass("Found", ["switch", "machine", "instance"])
    meta = dataclasses.make_dataclass("Meta", ["namespace", "uid", "name"])("ns", "u", "move")
    spec = dataclasses.make_dataclass("Spec", ["volume"])("data")
    switch = dataclasses.make_dataclass("Switch", ["meta", "spec"])(meta, spec)
    Apply(api, None, found(switch, samples.machine(), instance)).action(actions.WakeKubeVirt())


def test_by_its_instance_which_no_manifest_declares_and_else_by_the_machine():
    api = Patched()
    woken(api, samples.instance(phase="Failed"))
    assert api.paths == ["virtualmachineinstances"] * 2
    api = Patched()
    woken(api, None)
    assert api.paths == ["virtualmachines"] * 2


def test_a_refusal_of_it_is_no_failure_of_the_move():
    woken(Patched(Forbidden(403, "Forbidden", "a policy says no")), None)
