"""The metrics that are counted where something happens, by their names."""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    ProcessCollector,
    disable_created_metrics,
)

# When each series began: as many series again, and Prometheus sees a restart by the value.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

DONE, FAILED, STOPPED, UNEXPECTED = "Done", "Failed", "Stopped", "Unexpected"
WRITTEN, NOT_WRITTEN = "Written", "NotWritten"

PASSES: Final = Counter(
    "detour_agent_passes",
    "Passes over the switches of this node, by how they ended.",
    ("result",),
    registry=REGISTRY,
)
STEP_FAILURES: Final = Counter(
    "detour_agent_step_failures",
    "Steps that failed, or could not be tried yet, and are tried again, by reason.",
    ("reason",),
    registry=REGISTRY,
)
REPORTS: Final = Counter(
    "detour_agent_reports",
    "Writes of status.node to the Kubernetes API, by whether they succeeded.",
    ("result",),
    registry=REGISTRY,
)

# To Prometheus an increase from nothing to 1 is none: what can be named ahead begins at 0.
for _result in (DONE, FAILED, STOPPED, UNEXPECTED):
    PASSES.labels(_result)
for _result in (WRITTEN, NOT_WRITTEN):
    REPORTS.labels(_result)
