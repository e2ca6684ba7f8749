"""The metrics that are counted where something happens, by their names.

All of them count from the start of the process, and what is counted at the write of a status is
counted once that write has succeeded: a status that tells of it already was counted by whoever
wrote it. So nothing is counted twice, and what was written just before a crash is not counted.
"""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from detour_crds.volume_migration import CopyMethod

# When each series began: as many series again, and Prometheus sees a restart by the value.
disable_created_metrics()  # type: ignore[no-untyped-call]

CALLS: Final = ("start", "pivot", "end")
FREEZE, COPY, MERGE, SWITCH, FINISH = "freeze", "copy", "merge", "switch", "finish"

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

MINUTE, HOUR = 60, 3600
STAGE_BUCKETS: Final = (
    *(1, 2, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR),
)
"""Times in a status are whole seconds."""
PAUSE_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PASS_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

LEADING: Final = Gauge(
    "detour_operator_leading",
    "1 while this replica holds the lease and reconciles, 0 while it stands by.",
    registry=REGISTRY,
)
ENDED: Final = Counter(
    "detour_operator_migrations_ended",
    "VolumeMigrations that ended, dry runs among them, by phase, reason and copy method.",
    ("phase", "reason", "method"),
    registry=REGISTRY,
)
STAGES: Final = Histogram(
    "detour_operator_stage_duration_seconds",
    "How long a stage of a move took: freeze, copy, merge, switch, finish.",
    ("stage",),
    buckets=STAGE_BUCKETS,
    registry=REGISTRY,
)
DURATION: Final = Histogram(
    "detour_operator_migration_duration_seconds",
    "From the creation of a VolumeMigration to its end, by phase, if its copy had begun.",
    ("phase",),
    buckets=STAGE_BUCKETS,
    registry=REGISTRY,
)
PAUSES: Final = Histogram(
    "detour_operator_guest_pause_seconds",
    "How long the calls took that can delay the guest's writes: start, pivot, end.",
    ("call",),
    buckets=PAUSE_BUCKETS,
    registry=REGISTRY,
)
COPIED: Final = Counter(
    "detour_operator_copied_bytes",
    "Sizes of the disks that were copied to the end, by copy method.",
    ("method",),
    registry=REGISTRY,
)
MERGED: Final = Counter(
    "detour_operator_merged_bytes",
    "Bytes of overlays that were merged onto destinations, as the node agents told last.",
    registry=REGISTRY,
)
PASSES: Final = Counter(
    "detour_operator_passes",
    "Passes of reconciliation, by the kind of object and by how they ended.",
    ("kind", "result"),
    registry=REGISTRY,
)
PASS_DURATION: Final = Histogram(
    "detour_operator_pass_duration_seconds",
    "How long a pass of reconciliation took, by the kind of object.",
    ("kind",),
    buckets=PASS_BUCKETS,
    registry=REGISTRY,
)
REQUESTS: Final = Counter(
    "detour_operator_api_requests",
    "Requests of the passes to the Kubernetes API, by HTTP method and status; 0: no answer.",
    ("method", "code"),
    registry=REGISTRY,
)

# To Prometheus an increase from nothing to 1 is none: what can be named ahead begins at 0.
for _stage in (FREEZE, COPY, MERGE, SWITCH, FINISH):
    STAGES.labels(_stage)
for _call in CALLS:
    PAUSES.labels(_call)
for _method in CopyMethod:
    if _method is not CopyMethod.AUTO:
        COPIED.labels(_method.value)
