"""A small API over HTTP for passes of the storage side, and what is there at first."""

import copy

from detour_operator.settings import Settings
from unit.operator.api_server import status

SETTINGS = Settings(namespace="detour", pod_name="pod", copier_image="image")
NAMESPACE = "/api/v1/namespaces/ns"
GROUP = "/apis/detour.dev/v1alpha1/namespaces/ns"
MIGRATION = f"{GROUP}/volumemigrations/m"
SWITCH = f"{GROUP}/attachmentswitches/m"


def merged(target, patch):
    """RFC 7396."""
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, dict) else value
    return result


class Cluster:
    """Objects by path, with merge patches and resource versions; some paths can be away."""

    def __init__(self):
        self.objects = {
            MIGRATION: migration(),
            NAMESPACE: {"metadata": {"name": "ns"}, "status": {"phase": "Active"}},
        }
        self.away = set()
        self.refuses = set()
        self.writes = []

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if path in self.away:
            return status(503, "ServiceUnavailable")
        if request.method == "GET":
            found = self.objects.get(path)
            if found is None and path.rsplit("/", 1)[-1] in KINDS:
                found = {"items": self.below(path), "metadata": {}}
            return (200, found) if found else status(404, "NotFound")
        self.writes.append((request.method, path, request.body))
        if request.method == "DELETE":
            return 200, {}
        if request.method == "POST" and path in self.refuses:
            return status(403, "Forbidden", "exceeded quota: few")
        if request.method == "POST":
            name = request.body["metadata"]["name"]
            made = copy.deepcopy(request.body)
            made["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "1"}
            self.objects[f"{path}/{name}"] = made
            return 201, made
        if isinstance(request.body, list):
            return 200, self.objects[path]
        return self.patch(path.removesuffix("/status"), request.body)

    def patch(self, path, body):
        there = self.objects[path]
        version = there["metadata"]["resourceVersion"]
        if body.get("metadata", {}).get("resourceVersion", version) != version:
            return status(409, "Conflict")
        after = merged(there, body)
        after["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.objects[path] = after
        return 200, after

    def below(self, path):
        return [item for name, item in self.objects.items() if name.rpartition("/")[0] == path]

    def written(self):
        told = [(method, path) for method, path, _ in self.writes if not path.endswith("/events")]
        self.writes.clear()
        return told


KINDS = (
    "jobs",
    "pods",
    "attachmentswitches",
    "virtualmachines",
    "volumesnapshots",
    "volumesnapshotclasses",
    "events",
)


def migration():
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {
            "name": "m",
            "namespace": "ns",
            "uid": "11112222",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {
            "virtualMachine": {"name": "vm"},
            "volume": "data",
            "destination": {"claimTemplate": {}},
        },
    }


def claim(name):
    return {
        "metadata": {"name": name, "uid": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "fast",
        },
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    }


def machine(claim_name):
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    return {
        "metadata": {"name": "vm", "uid": "vm"},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }


CLAIMS = f"{NAMESPACE}/persistentvolumeclaims"
MACHINE = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/vm"
JOBS = "/apis/batch/v1/namespaces/ns/jobs"
SNAPSHOT_API = "/apis/snapshot.storage.k8s.io/v1"
SNAPSHOTS = f"{SNAPSHOT_API}/namespaces/ns/volumesnapshots"
TOKEN = "uid-m-1"  # noqa: S105 - names an attempt
SNAPSHOT = f"{SNAPSHOTS}/detour-{TOKEN}"
JOB = f"{JOBS}/detour-copy-11112222-1"


def freeze(cluster):
    """What compute side and node agent say of a frozen source."""
    frozen = {"type": "SourceFrozen", "status": "True", "reason": "Frozen", "message": ""}
    cluster.objects[SWITCH]["status"] = {
        "position": "Frozen",
        "conditions": [{**frozen, "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "compute": {
            "token": TOKEN,
            "attempt": 1,
            "node": "node",
            "order": "Overlay",
            "sourceClaim": {"name": "source", "uid": "source"},
        },
        "node": {
            "token": TOKEN,
            "inspection": {"reason": "Accepted", "virtualSizeBytes": 1 << 30},
        },
    }


def pass_until_it_writes(cluster):
    """The writes of the first pass that does more than to record."""
    for _ in range(5):
        cluster.side.reconcile("ns", "m")
        found = [
            write
            for write in cluster.writes
            if not write[1].endswith(("/events", f"{MIGRATION}/status"))
        ]
        cluster.writes.clear()
        if found:
            return found
    raise AssertionError("nothing is written any more")
