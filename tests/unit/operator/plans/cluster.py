"""A small API over HTTP for passes of a plan, and moves that end by themselves."""

import copy

from unit.operator.api_server import status
from unit.operator.storage.reconciling import merged

DETOUR = "/apis/detour.dev/v1alpha1/namespaces/ns"
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/ns"
CLAIMS = "/api/v1/namespaces/ns/persistentvolumeclaims"
PLAN = f"{DETOUR}/volumemigrationplans/all"
MIGRATIONS = f"{DETOUR}/volumemigrations"
MACHINES, INSTANCES = f"{KUBEVIRT}/virtualmachines", f"{KUBEVIRT}/virtualmachineinstances"
LISTS = (MIGRATIONS, MACHINES, INSTANCES, CLAIMS)
READY = {"status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z", "message": ""}


class Cluster:
    """Objects by path, with resource versions; what was made is counted by name."""

    def __init__(self, **spec):
        self.objects = {PLAN: plan(**spec)}
        self.made, self.deleted, self.events = [], [], []
        self.refuses = False

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if request.method == "GET":
            return self.read(path)
        if request.method == "POST":
            return self.create(path, request.body)
        if request.method == "DELETE":
            return self.delete(path, request.body)
        return self.patch(path.removesuffix("/status"), request.body)

    def read(self, path):
        if path in LISTS:
            below = [item for name, item in self.objects.items() if name.startswith(f"{path}/")]
            return 200, {"items": below, "metadata": {}}
        found = self.objects.get(path)
        return (200, found) if found else status(404, "NotFound")

    def create(self, path, body):
        name = body["metadata"]["name"]
        if path.endswith("/events"):
            self.events.append(body["reason"])
            return 201, body
        if self.refuses:
            return status(403, "Forbidden", "exceeded quota: few")
        if f"{path}/{name}" in self.objects:
            return status(409, "AlreadyExists")
        self.made.append(name)
        made = copy.deepcopy(body)
        made["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "1", "generation": 1}
        self.objects[f"{path}/{name}"] = made
        return 201, made

    def delete(self, path, body):
        there = self.objects.get(path)
        if there is None:
            return status(404, "NotFound")
        expected = body["preconditions"]["resourceVersion"]
        if expected != there["metadata"]["resourceVersion"]:
            return status(409, "Conflict")
        self.deleted.append(path.rpartition("/")[2])
        del self.objects[path]
        return 200, {}

    def patch(self, path, body):
        there = self.objects[path]
        version = there["metadata"]["resourceVersion"]
        if body.get("metadata", {}).get("resourceVersion", version) != version:
            return status(409, "Conflict")
        after = merged(there, body)
        after["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.objects[path] = after
        return 200, after

    def migrations(self):
        return {
            path.rpartition("/")[2]: item
            for path, item in self.objects.items()
            if path.startswith(f"{MIGRATIONS}/")
        }

    def told(self):
        return self.objects[PLAN].get("status") or {}

    def ready(self):
        return next(item for item in self.told()["conditions"] if item["type"] == "Ready")

    def machine(self, name, *volumes, node="", storage_class="slow", **metadata):
        """A machine with claims; with a node it runs there."""
        on_claims = [
            {"name": volume, "persistentVolumeClaim": {"claimName": f"{name}-{volume}"}}
            for volume in volumes
        ]
        self.objects[f"{MACHINES}/{name}"] = {
            "metadata": {"name": name, "uid": f"uid-{name}", **metadata},
            "spec": {
                "template": {
                    "spec": {"volumes": [*on_claims, {"name": "cloud", "cloudInitNoCloud": {}}]}
                }
            },
        }
        for volume in volumes:
            self.claim(f"{name}-{volume}", storage_class)
        if node:
            instance = {"metadata": {"name": name}, "status": {"nodeName": node}}
            self.objects[f"{INSTANCES}/{name}"] = instance

    def claim(self, name, storage_class, **metadata):
        self.objects[f"{CLAIMS}/{name}"] = {
            "metadata": {"name": name, **metadata},
            "spec": {
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }

    def stands(self, name, phase, reason="", **told):
        """What the storage side says of a migration."""
        succeeded = {"Succeeded": "True", "Failed": "False", "Cancelled": "False"}
        conditions = [
            {"type": "Ready", "reason": reason or phase, **READY},
            {
                "type": "Succeeded",
                "reason": reason or phase,
                **READY,
                "status": succeeded.get(phase, "Unknown"),
            },
        ]
        self.patch(
            f"{MIGRATIONS}/{name}",
            {"status": {"phase": phase, "conditions": conditions, **told}},
        )

    def get_on(self):
        """Every move that is under way ends: as cancelled if that is asked for."""
        for name, item in self.migrations().items():
            if (item.get("status") or {}).get("phase") not in ("Succeeded", "Failed", "Cancelled"):
                reason = "DryRunPassed" if item["spec"]["dryRun"] else ""
                self.stands(name, "Cancelled" if item["spec"]["cancel"] else "Succeeded", reason)


def plan(**spec):
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigrationPlan",
        "metadata": {
            "name": "all",
            "namespace": "ns",
            "uid": "plan-uid",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {"storageClasses": [{"from": "slow", "to": "fast"}], **spec},
    }
