"""After the unlock: a machine that is to run and is down is brought to KubeVirt's attention.

Under the lock KubeVirt cannot replace an instance that has ended, and pauses longer after each
try. An API server may hear late of the unlock, so one call might be in vain: it is repeated for a
while, until an instance is seen.
"""

import dataclasses

from detour_crds.conditions import SwitchCondition, find
from detour_operator.compute_side.actions import WakeKubeVirt
from detour_operator.compute_side.observation import (
    Instance,
    Machine,
    Nothing,
    Observation,
    Switch,
)
from detour_operator.compute_side.step import LOOK_AGAIN_SECONDS, Step
from detour_operator.reconcile.times import seconds_between

SECONDS = 30.0


def is_due(switch: Switch, now: str) -> bool:
    """Whether the lock came off so lately that the machine is looked at once more."""
    ended = (
        find(switch.status.conditions, kind)
        for kind in (SwitchCondition.LOCKED, SwitchCondition.RECONCILING)
    )
    spans = [seconds_between(found.last_transition_time, now) for found in ended if found]
    return any(span is not None and span <= SECONDS for span in spans)


def wake(seen: Observation, end: Step) -> Step | None:
    """The end, and beside it the next call; None once none is needed."""
    if not is_due(seen.switch, seen.now):
        return None
    if Nothing.UNKNOWN in (seen.machine, seen.instance):
        return dataclasses.replace(end, after=LOOK_AGAIN_SECONDS)
    if not _is_down(seen):
        return None
    return dataclasses.replace(end, actions=(WakeKubeVirt(),), after=LOOK_AGAIN_SECONDS)


def _is_down(seen: Observation) -> bool:
    machine, instance = seen.machine, seen.instance
    if not isinstance(machine, Machine) or machine.deleting or not machine.kept_running:
        return False
    return not isinstance(instance, Instance) or instance.final
