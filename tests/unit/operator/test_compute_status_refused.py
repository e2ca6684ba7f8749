"""A node agent whose status the API server refuses: a person has to see to it."""

import pytest

from detour_crds import names
from detour_crds.attachment_switch import LastError, OverlayFile, Position, Qemu, Stage
from detour_crds.conditions import Status, SwitchCondition, find
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing, Pod
from detour_operator.compute_side.step import ref
from unit.operator.compute_switches import BACK, MIRRORED, ORDERED, OVERLAY, WANTED, seen

SAID = "status.node.source.inode: Invalid value"
REFUSED = LastError(reason=names.STATUS_REFUSED, message=SAID)
ANOTHER = LastError(reason="MountFailed", message=SAID)
ENDED = {"phase": "Failed", "fence": None}
FINISHER = Pod(
    name="finisher",
    uid="finisher-uid",
    node="n",
    claims=("old", "new"),
    running=True,
    phase="Running",
)
GONE = {"qemu": Qemu.GONE, "stage": Stage.OVERLAY, "overlay": OverlayFile(name="o", bytes=1)}
WAITS = {
    "inspecting": {"node": {"inspection": None}},
    "diverting": {"compute": OVERLAY, "node": {}},
    "merging": {"compute": MIRRORED, "node": {}, **WANTED},
    "switching": {"compute": ORDERED, "node": {}, "instance": {"claim": "new"}, **WANTED},
    "going back": {
        "compute": BACK,
        "node": {},
        "instance": {"fence": None},
        "wanted": Position.SOURCE,
    },
    "the instance has ended": {"compute": OVERLAY, "node": {}, "instance": ENDED},
    "the guest stopped": {
        **WANTED,
        "compute": {**ORDERED, "finisher_pod": ref(FINISHER)},
        "node": GONE,
        "instance": ENDED,
        "finisher": FINISHER,
        "budget": Nothing.ABSENT,
    },
}


def failing(stage, error):
    facts = WAITS[stage]
    return seen(**{**facts, "node": {**facts["node"], "last_error": error}})


def told(decision):
    kinds = (SwitchCondition.READY, SwitchCondition.RECONCILING, SwitchCondition.STALLED)
    return [find(decision.status.conditions, kind) for kind in kinds]


@pytest.mark.parametrize("stage", WAITS)
def test_a_person_is_asked_to_act_wherever_the_agent_is_waited_for(stage):
    decision = decide(failing(stage, REFUSED))
    ready, reconciling, stalled = told(decision)
    assert [item.status for item in (ready, reconciling, stalled)] == [
        Status.FALSE,
        Status.FALSE,
        Status.TRUE,
    ]
    assert ready.reason == stalled.reason == names.STATUS_REFUSED
    assert SAID in stalled.message
    assert decision.status.stop is None, "it takes no answer"


@pytest.mark.parametrize("stage", WAITS)
def test_nothing_else_is_made_of_it(stage):
    without, decision = decide(failing(stage, None)), decide(failing(stage, REFUSED))
    for name in ("actions", "after"):
        assert getattr(decision, name) == getattr(without, name)
    for name in ("compute", "position"):
        assert getattr(decision.status, name) == getattr(without.status, name)


@pytest.mark.parametrize("error", [None, ANOTHER])
@pytest.mark.parametrize("stage", WAITS)
def test_what_is_tried_again_asks_nobody(stage, error):
    decision = decide(failing(stage, error))
    _, reconciling, stalled = told(decision)
    assert (reconciling.status, stalled.status) == (Status.TRUE, Status.FALSE)
    assert (SAID in decision.message) is (error is not None)


def test_what_the_agent_is_not_waited_for_goes_on():
    found = seen(compute=OVERLAY, node={"reached": OVERLAY["order"], "last_error": REFUSED})
    assert told(decide(found))[2].status is Status.FALSE
