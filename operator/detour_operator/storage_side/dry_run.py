"""A dry run: all checks of both sides, and nothing changed; pure.

The compute side checks by way of a switch whose own ``spec.dryRun`` keeps it from everything but
looking. The end is recorded before that switch is deleted, so that it is never asked for twice.
"""

from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import Phase
from detour_operator.storage_side.actions import DeleteSwitch
from detour_operator.storage_side.decision import (
    BUSY_SECONDS,
    DRY_RUN_PASSED,
    LOOK_SECONDS,
    Decision,
    wants_back,
)
from detour_operator.storage_side.observation import Observation, SeenSwitch


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step with a dry run's switch that is there."""
    if wants_back(seen) or switch.meta.deleting:
        message = "the dry run ends"
        actions = remove(switch)
        return Decision(
            phase=Phase.CANCELLING, message=message, actions=actions, after=BUSY_SECONDS
        )
    told = find(switch.status.conditions, SwitchCondition.ACCEPTED)
    if told is not None and told.status is Status.FALSE:
        return Decision(
            phase=Phase.REFUSED, reason=told.reason, message=told.message, after=LOOK_SECONDS
        )
    if told is not None and told.status is Status.TRUE and told.reason == DRY_RUN_PASSED:
        return _passed(seen, switch)
    return Decision(phase=Phase.PREPARING, message="the running guest's disk is being checked")


def remove(switch: SeenSwitch) -> tuple[DeleteSwitch, ...]:
    """The deletion of a dry run's switch, unless it is under way."""
    return () if switch.meta.deleting else (DeleteSwitch(switch.meta),)


def _passed(seen: Observation, switch: SeenSwitch) -> Decision:
    message = (
        "a dry run: all checks passed, and nothing was changed. To move the disk, create the "
        "VolumeMigration without spec.dryRun"
    )
    return Decision(
        phase=Phase.SUCCEEDED,
        reason=DRY_RUN_PASSED,
        message=message,
        facts={"completion_time": seen.now},
        actions=remove(switch),
        after=BUSY_SECONDS,
    )
