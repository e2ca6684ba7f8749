"""The status that follows from an observation and its decision; pure."""

import dataclasses

from detour_crds.conditions import Condition, stamped
from detour_crds.volume_migration import (
    CopyMethod,
    CopyMethodStatus,
    OverlayStatus,
    Phase,
    RefusedMethod,
    VolumeMigrationStatus,
)
from detour_operator.storage_side import conditions
from detour_operator.storage_side.decision import Decision, compute_of
from detour_operator.storage_side.observation import Observation
from detour_operator.storage_side.preflight import NOT_YET_SUPPORTED

COPY_METHOD = CopyMethodStatus(
    name=CopyMethod.HOST_ASSISTED,
    reason="a pod on the guest's node copies; this works with every storage class",
    refused=tuple(
        RefusedMethod(name=method, reason=NOT_YET_SUPPORTED)
        for method in (CopyMethod.VOLUME_SNAPSHOT, CopyMethod.CSI_CLONE, CopyMethod.EXTERNAL)
    ),
)


def status(seen: Observation, decision: Decision) -> VolumeMigrationStatus:
    """The new status; the old one itself where the decision leaves it as it is."""
    if decision.phase is None:
        return seen.status
    told = conditions.conditions(seen, decision, decision.phase)
    return dataclasses.replace(
        seen.status,
        **{**_of_switch(seen), **decision.facts},
        observed_generation=seen.meta.generation,
        phase=decision.phase,
        conditions=_stamped(seen, told),
        progress=conditions.progress(seen, decision),
        copy_method=_copy_method(seen, decision.phase),
    )


def _of_switch(seen: Observation) -> dict[str, object]:
    if seen.switch is None or not seen.switch.ours:
        return {}
    compute, node = compute_of(seen.switch), seen.switch.status.node
    overlay = node.overlay if node else None
    return {
        "node": compute.node,
        "attempt": compute.attempt,
        "pauses": node.pauses if node else None,
        "overlay": OverlayStatus(bytes=overlay.bytes) if overlay else None,
    }


def _stamped(seen: Observation, told: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return stamped(seen.status.conditions, told, now=seen.now, generation=seen.meta.generation)


def _copy_method(seen: Observation, phase: Phase) -> CopyMethodStatus | None:
    if phase in (Phase.PENDING, Phase.REFUSED):
        return seen.status.copy_method
    return COPY_METHOD
