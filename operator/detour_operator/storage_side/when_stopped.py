"""``spec.whenStopped`` may be changed under way, and the switch has to hear of it; pure."""

import dataclasses

from detour_crds.attachment_switch import Position
from detour_crds.volume_migration import CopyMethod, WhenStopped
from detour_operator.storage_side.actions import SetWhenStopped
from detour_operator.storage_side.decision import BUSY_SECONDS, Decision
from detour_operator.storage_side.observation import Observation, SeenSwitch

ENDS = (Position.DESTINATION, Position.SOURCE)


def passed_on(seen: Observation, switch: SeenSwitch, decision: Decision) -> Decision:
    """The decision, with the change before everything else if the switch has not got it yet.

    The compute side decides by its own switch when the guest stops; a switch that has ended, or is
    to go, decides nothing any more.
    """
    over = switch.status.position in ENDS or switch.meta.deleting or switch.spec.dry_run
    wanted = seen.spec.when_stopped
    if over or wanted is switch.spec.when_stopped or not _is_possible(seen):
        return decision
    change = SetWhenStopped(switch.meta, wanted)
    return dataclasses.replace(decision, actions=(change, *decision.actions), after=BUSY_SECONDS)


def _is_possible(seen: Observation) -> bool:
    """The CRD refuses it too (``preflight``: FinishNotPossible)."""
    by_qemu = seen.spec.copy.method is CopyMethod.HYPERVISOR
    return not by_qemu or seen.spec.when_stopped is not WhenStopped.FINISH
