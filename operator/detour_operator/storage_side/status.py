"""The status that follows from an observation and its decision; pure."""

import dataclasses

from detour_crds.attachment_switch import OverlayFile
from detour_crds.conditions import Condition, stamped
from detour_crds.volume_migration import (
    OverlayStatus,
    VolumeMigrationStatus,
)
from detour_operator.storage_side import conditions
from detour_operator.storage_side.decision import Decision, compute_of, is_ended
from detour_operator.storage_side.observation import Observation


def status(seen: Observation, decision: Decision) -> VolumeMigrationStatus:
    """The new status; the old one where the decision leaves it as it is, but for its generation.

    kstatus takes a status of an older generation for one that is still to come.
    """
    if decision.phase is None:
        return _kept(seen) if is_ended(seen) else seen.status
    told = conditions.conditions(seen, decision, decision.phase)
    return dataclasses.replace(
        seen.status,
        **{**_of_switch(seen), **decision.facts},
        observed_generation=seen.meta.generation,
        phase=decision.phase,
        conditions=_stamped(seen, told),
        progress=conditions.progress(seen, decision),
    )


def _kept(seen: Observation) -> VolumeMigrationStatus:
    before = seen.status
    if before.observed_generation == seen.meta.generation:
        return before
    return dataclasses.replace(
        before,
        observed_generation=seen.meta.generation,
        conditions=_stamped(seen, before.conditions),
    )


def _of_switch(seen: Observation) -> dict[str, object]:
    if seen.switch is None or not seen.switch.ours:
        return {}
    compute, node = compute_of(seen.switch), seen.switch.status.node
    overlay = node.overlay if node else None
    return {
        "node": compute.node,
        "attempt": compute.attempt,
        "stop": seen.switch.status.stop,
        "pauses": node.pauses if node else None,
        "overlay": _overlay(seen.status.overlay, overlay),
    }


def _overlay(before: OverlayStatus | None, now: OverlayFile | None) -> OverlayStatus | None:
    if now is None:
        return None
    known = before.limit_bytes if before else None
    return OverlayStatus(bytes=now.bytes, limit_bytes=now.limit_bytes or known)


def _stamped(seen: Observation, told: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return stamped(seen.status.conditions, told, now=seen.now, generation=seen.meta.generation)
