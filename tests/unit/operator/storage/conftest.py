"""What is there when a pass of the storage side begins."""

import pytest

from detour_operator import storage_side
from detour_operator.reconcile.turn import Unlimited
from unit.operator.api_server import serving
from unit.operator.storage.reconciling import (
    CLAIMS,
    MACHINE,
    NAMESPACE,
    SETTINGS,
    SNAPSHOT_API,
    Cluster,
    claim,
    machine,
)


@pytest.fixture
def cluster():
    answer = Cluster()
    with serving(answer) as server:
        answer.side = storage_side.reconciler(server.api(), SETTINGS, Unlimited())
        yield answer


@pytest.fixture
def ready(cluster):
    """A cluster in which the move can start, and the first visit is over."""
    cluster.objects |= {
        f"{NAMESPACE}/persistentvolumeclaims/source": claim("source"),
        MACHINE: machine("source"),
        "/apis/storage.k8s.io/v1/storageclasses/fast": {"metadata": {"name": "fast"}},
    }
    cluster.side.reconcile("ns", "m")
    cluster.writes.clear()
    return cluster


@pytest.fixture
def offering(ready):
    """One CSI driver for both classes, with snapshots."""
    ready.objects[f"{CLAIMS}/source"]["spec"]["volumeName"] = "pv"
    ready.objects |= {
        "/api/v1/persistentvolumes/pv": {"spec": {"csi": {"driver": "csi.test"}}},
        "/apis/storage.k8s.io/v1/storageclasses/fast": {
            "metadata": {"name": "fast"},
            "provisioner": "csi.test",
        },
        f"{SNAPSHOT_API}/volumesnapshotclasses/snaps": {
            "metadata": {"name": "snaps", "uid": "snaps"},
            "driver": "csi.test",
            "deletionPolicy": "Delete",
        },
    }
    return ready
