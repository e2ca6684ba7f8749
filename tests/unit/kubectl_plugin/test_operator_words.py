"""What the operator itself writes is what the plugin reads."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Position
from detour_crds.conditions import Condition, Status, SwitchCondition
from detour_crds.serialise import serialise
from detour_crds.volume_migration import Phase, VolumeMigrationStatus
from detour_kubectl.domain import migrations, reasons, stages, story
from detour_kubectl.domain.migrations import Outcome
from detour_operator.storage_side.decision import Decision
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.status import status
from unit.operator.storage_world import NOW, SPEC, Switch, World

STARTED = VolumeMigrationStatus(
    start_time=NOW, source_claim="source", destination_claim="destination"
)
OUTCOMES = {
    Phase.REFUSED: Outcome.REFUSED,
    Phase.HOLDING: Outcome.HOLDING,
    Phase.SUCCEEDED: Outcome.SUCCEEDED,
    Phase.CANCELLED: Outcome.CANCELLED,
    Phase.FAILED: Outcome.FAILED,
}


def read(seen, decision):
    """The migration as it is after a pass, by way of the API's JSON."""
    meta = {"namespace": "vms", "name": "m", "uid": "u", "creationTimestamp": NOW}
    told = serialise(status(seen, decision))
    return migrations.read({"metadata": meta, "spec": serialise(SPEC), "status": told})


def world(**changes):
    here = {"switch": Switch(at="frozen"), "status": STARTED, **changes}
    return World(finalizer=True, claim=True, **here)


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_is_understood(phase):
    reason = {Phase.REFUSED: "DriverNotCSI", Phase.CANCELLED: "Cancelled",
              Phase.FAILED: "CopyFailed"}.get(phase, "")  # fmt: skip
    found = read(world().observe(), Decision(phase=phase, reason=reason, message="so it is"))
    assert migrations.outcome(found) is OUTCOMES.get(phase, Outcome.RUNNING)
    told = story.explain(found)
    assert told.next_step
    assert told.told[0].condition.message
    assert [stage.state for stage in stages.stages(found)].count(stages.State.ACTIVE) == (
        0 if migrations.has_ended(found) else 1
    )


def test_a_stop_of_the_compute_side_is_one():
    stop = Condition(
        type=SwitchCondition.STALLED, status=Status.TRUE, reason="NodeLost", message="gone"
    )
    seen = world().observe()
    told = dataclasses.replace(
        seen.switch.status, conditions=(*seen.switch.status.conditions, stop)
    )
    seen = dataclasses.replace(seen, switch=dataclasses.replace(seen.switch, status=told))
    found = read(seen, decide(seen))
    assert migrations.outcome(found) is Outcome.STALLED
    (told, *_) = story.explain(found).told
    assert told.entry.section is reasons.Section.STALLED


def test_a_whole_move_goes_through_the_stages_in_order():
    names = []
    for here in (
        world(switch=None, status=VolumeMigrationStatus()),
        world(),
        world(switch=Switch(Position.DESTINATION, "frozen")),
    ):
        seen = here.observe()
        names.append(stages.active(stages.stages(read(seen, decide(seen)))).name.value)
    assert names == ["freeze", "copy", "merge"]
    seen = world(switch=Switch(Position.DESTINATION, "destination")).observe()
    assert {stage.state for stage in stages.stages(read(seen, decide(seen)))} == {
        stages.State.DONE
    }
