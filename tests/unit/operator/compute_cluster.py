"""The objects around one switch behind a real HTTP server, with the API server's manners.

Resource versions, merge and JSON patches, uid preconditions, dry runs. What proves the lock, a
live migration and a new instance, is refused exactly while the switch is locked.
"""

import copy
import urllib.parse

from detour_crds import names
from detour_operator.adapters.lock_attempts import INSTANCE_POLICY, LIVE_MIGRATION_POLICY
from unit.operator import compute_samples as samples
from unit.operator import lock_objects
from unit.operator.api_server import status

NS = "/api/v1/namespaces/ns"
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/ns"
SWITCHES = "/apis/detour.dev/v1alpha1/namespaces/ns/attachmentswitches"
SWITCH = f"{SWITCHES}/move"
MACHINE = f"{KUBEVIRT}/virtualmachines/web"
INSTANCE = f"{KUBEVIRT}/virtualmachineinstances/web"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Cluster:
    def __init__(self):
        self.version = 100
        self.permitted = True
        self.kubevirt = "kubevirt"
        self.machine_policy = ""
        self.machine_status = 403
        self.broken = ""
        self.away = status(503, "ServiceUnavailable")
        launcher = samples.pod()
        launcher["metadata"]["labels"] = {"kubevirt.io/created-by": "vmi-uid"}
        self.objects = {
            MACHINE: samples.machine(updateVolumesStrategy="Migration"),
            INSTANCE: samples.instance(),
            f"{NS}/pods/launcher": launcher,
            "/api/v1/nodes/node-1": {
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}
            },
            NS: {"metadata": {"name": "ns"}, "status": {"phase": "Active"}},
            f"{NS}/persistentvolumeclaims/old": samples.claim("old"),
            f"{NS}/persistentvolumeclaims/new": samples.claim("new"),
            SWITCH: {
                "apiVersion": names.API_VERSION,
                "kind": "AttachmentSwitch",
                "metadata": {
                    "name": "move",
                    "namespace": "ns",
                    "uid": "12345678-abcd",
                    "resourceVersion": "1",
                    "generation": 1,
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                },
                "spec": {
                    "virtualMachine": {"name": "web"},
                    "volume": "data",
                    "destination": {"claimName": "new"},
                },
            },
        }
        for path, items in (
            (lock_objects.POLICIES, lock_objects.policies()),
            (lock_objects.BINDINGS, lock_objects.bindings()),
        ):
            self.objects |= {f"{path}/{item['metadata']['name']}": item for item in items}

    @property
    def switch(self):
        return self.objects[SWITCH]

    @property
    def compute(self):
        return self.switch["status"]["compute"]

    def report(self, **node):
        """What the node agent writes."""
        node = {"token": self.compute["token"], "qemu": "Running", **node}
        self.switch["status"]["node"] = node
        self._changed(SWITCH)

    def ask(self, position):
        self.switch["spec"]["position"] = position
        self._changed(SWITCH)

    def answer(self, request):
        path, _, query = request.path.partition("?")
        if self.broken and self.broken in path:
            return self.away
        handle = getattr(self, f"_{request.method.lower()}")
        return handle(path, urllib.parse.parse_qs(query), request)

    def _get(self, path, query, _request):
        if path in self.objects:
            return 200, self.objects[path]
        listed = [item for name, item in self.objects.items() if name.rpartition("/")[0] == path]
        if not path.endswith("s") or path.rpartition("/")[2] in ("new", "old"):
            return status(404, "NotFound")
        selector = query.get("labelSelector", [""])[0]
        return 200, {"items": [item for item in listed if _selected(item, selector)]}

    def _post(self, path, query, request):
        if path == REVIEWS:
            user = request.headers["Impersonate-User"]
            if not self.permitted:
                return status(403, "Forbidden", f"cannot impersonate {user}")
            controller = f"system:serviceaccount:{self.kubevirt}:kubevirt-controller"
            return 201, {"status": {"allowed": user == controller}}
        if query.get("dryRun"):
            return self._trial(path)
        body = copy.deepcopy(request.body)
        name = body["metadata"]["name"]
        if f"{path}/{name}" in self.objects:
            return status(409, "AlreadyExists")
        body["metadata"].setdefault("uid", f"{name}-uid")
        self.objects[f"{path}/{name}"] = body
        return 201, body

    def _trial(self, path):
        if not self.compute.get("locked"):
            return 201, {}
        policy = LIVE_MIGRATION_POLICY if path.endswith("migrations") else INSTANCE_POLICY
        said = f"ValidatingAdmissionPolicy '{policy}' denied: by AttachmentSwitch move (..."
        return status(403, "Forbidden", said)

    def _patch(self, path, query, request):
        path = path.removesuffix("/status")
        found = self.objects.get(path)
        if found is None:
            return status(404, "NotFound")
        try:
            if isinstance(request.body, list):
                changed = applied(found, request.body)
            else:
                changed = merged(found, request.body)
                given = request.body.get("metadata", {}).get("resourceVersion")
                assert given in (None, found["metadata"]["resourceVersion"])
        except (AssertionError, KeyError):
            return status(409, "Conflict")
        if query.get("dryRun"):
            refused = self.machine_policy if path == MACHINE else ""
            return status(self.machine_status, "r", refused) if refused else (200, changed)
        self.objects[path] = changed
        self._changed(path)
        return 200, changed

    def _delete(self, path, _query, request):
        found = self.objects.get(path)
        if found is None:
            return status(404, "NotFound")
        wanted = (request.body or {}).get("preconditions", {}).get("uid")
        if wanted not in (None, found["metadata"]["uid"]):
            return status(409, "Conflict")
        del self.objects[path]
        return 200, {}

    def _changed(self, path):
        self.version += 1
        self.objects[path]["metadata"]["resourceVersion"] = str(self.version)


def _selected(item, selector):
    label, _, value = selector.partition("=")
    return not selector or (item["metadata"].get("labels") or {}).get(label) == value


def merged(old, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merged(new.get(name), value)
    return new


def applied(raw, operations):
    """RFC 6902 as far as it is used: test, add, replace, remove."""
    after = copy.deepcopy(raw)
    for operation in operations:
        *path, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        where = after
        for part in path:
            where = where[int(part) if isinstance(where, list) else part]
        key = int(last) if isinstance(where, list) else last
        match operation["op"]:
            case "test":
                assert where[key] == operation["value"]
            case "remove":
                del where[key]
            case "add" | "replace":
                where[key] = copy.deepcopy(operation["value"])
    return after
