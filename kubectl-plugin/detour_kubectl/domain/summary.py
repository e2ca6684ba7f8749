"""What ``list`` and ``status`` give to programs (``-o json``, ``-o yaml``)."""

from collections.abc import Sequence
from typing import Any

from detour_kubectl.domain import migrations
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.domain.stages import Stage


def summary(migration: Migration, stages: Sequence[Stage]) -> dict[str, Any]:
    """One migration, in bytes, seconds and milliseconds; what is not known is left out."""
    status, overlay, pauses = migration.status, migration.status.overlay, migration.status.pauses
    node = migration.switch.node if migration.switch is not None else None
    told = {
        "namespace": migration.namespace,
        "name": migration.name,
        "virtualMachine": migration.spec.virtual_machine.name,
        "volume": migration.spec.volume,
        "sourceClaim": status.source_claim,
        "destinationClaim": migrations.destination(migration),
        "node": status.node,
        "phase": status.phase.value if status.phase is not None else None,
        "outcome": migrations.outcome(migration).value,
        "reason": migrations.reason(migration) or None,
        "message": migrations.message(migration),
        "copyMethod": status.copy_method.name if status.copy_method is not None else None,
        "stages": [_stage(stage) for stage in stages],
        "overlay": _known(
            bytes=overlay.bytes if overlay is not None else None,
            limitBytes=overlay.limit_bytes if overlay is not None else None,
            pressure=node.overlay.pressure if node is not None and node.overlay else None,
        ),
        "pauses": _known(
            startMilliseconds=pauses.start_milliseconds if pauses is not None else None,
            pivotMilliseconds=pauses.pivot_milliseconds if pauses is not None else None,
            endMilliseconds=pauses.end_milliseconds if pauses is not None else None,
        ),
        "created": migration.created,
        "ended": status.completion_time,
    }
    return {name: value for name, value in told.items() if value not in (None, {})}


def _stage(stage: Stage) -> dict[str, Any]:
    return _known(
        name=stage.name.value,
        state=stage.state.value,
        percent=stage.percent,
        bytesDone=stage.done,
        bytesTotal=stage.total,
        bytesPerSecond=round(stage.rate) if stage.rate else None,
        etaSeconds=round(stage.eta) if stage.eta is not None else None,
        seconds=stage.seconds,
    )


def _known(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
