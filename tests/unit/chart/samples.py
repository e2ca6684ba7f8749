"""One object of each kind that the operator writes to, all of one name."""

from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    BUDGETS,
    CLAIMS,
    INSTANCES,
    JOBS,
    PODS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    VOLUME_MIGRATIONS,
)
from unit.chart import locked, rights

TEMPLATE = {
    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
}
MADE = {
    ATTACHMENT_SWITCHES: rights.switch(),
    VOLUME_MIGRATIONS: rights.migration(),
    PODS: locked.pod("move", "old"),
    CLAIMS: locked.claim_of("move"),
    JOBS: {"metadata": {"name": "move"}, "spec": {"suspend": True, "template": TEMPLATE}},
    BUDGETS: locked.budget("move"),
    SNAPSHOTS: {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "move"},
        "spec": {"source": {"persistentVolumeClaimName": "old"}},
    },
    INSTANCES: locked.machine("move", "old")["virtualmachineinstances"],
    VIRTUAL_MACHINES: locked.machine("move", "old")["virtualmachines"],
}
