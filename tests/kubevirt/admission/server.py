"""virt-api: the TLS server of the webhooks."""

import http.server
import json
import logging
import ssl
from typing import TYPE_CHECKING

from kubevirt.kube import Kube

from . import eviction, migration, vm, vmi
from .verdict import ALLOWED, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("virt-api")
CERTIFICATES = "/etc/virt-api/certificates"
PORT = 8443


class Webhooks:
    """The verdicts by path, with what they need to know read from the API server."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.paths: dict[str, Callable[[dict], Verdict]] = {
            "/virtualmachines-validate": vm.admit,
            "/virtualmachineinstances-mutate": vmi.mutate,
            "/virtualmachineinstances-validate-create": vmi.admit_create,
            "/virtualmachineinstances-validate-update": vmi.admit_update,
            "/migration-mutate-create": migration.mutate,
            "/migration-validate-create": self.migration_create,
            "/migration-validate-update": migration.admit_update,
            "/launcher-eviction-validate": self.eviction,
        }

    def migration_create(self, request: dict) -> Verdict:
        """Looks the VMI and its migrations up."""
        namespace = request["namespace"]
        name = request["object"].get("spec", {}).get("vmiName", "")
        found = self.kube.get("VirtualMachineInstance", namespace, name) if name else None
        others = self.kube.list_all("VirtualMachineInstanceMigration", namespace)
        return migration.admit_create(request, found, others)

    def eviction(self, request: dict) -> Verdict:
        """Looks pod, owner and VMI up; marks the VMI unless this is a dry run."""
        namespace = request["namespace"]
        pod = self.kube.get("Pod", namespace, request["name"])
        if pod is None:
            return ALLOWED
        if eviction.is_hotplug_pod(pod):
            owner = self.kube.get("Pod", namespace, pod["metadata"]["ownerReferences"][0]["name"])
            return eviction.admit_hotplug(owner, self._vmi(owner) if owner else None)
        if not eviction.is_launcher(pod):
            return ALLOWED
        found = self._vmi(pod)
        answer = eviction.admit_launcher(pod, found)
        if answer.evacuate and not _dry_run(request):
            self._mark(found, answer.evacuate)
        return answer.verdict

    def _vmi(self, pod: dict) -> dict | None:
        name = eviction.domain(pod)
        return (
            self.kube.get("VirtualMachineInstance", pod["metadata"]["namespace"], name)
            if name
            else None
        )

    def _mark(self, found: dict, node: str) -> None:
        patch = [{"op": "add", "path": "/status/evacuationNodeName", "value": node}]
        self.kube.patch("VirtualMachineInstance", found, patch)


def _dry_run(request: dict) -> bool:
    options = (request.get("object") or {}).get("deleteOptions") or {}
    return bool(request.get("dryRun")) or "All" in (options.get("dryRun") or [])


def review(webhooks: Webhooks, path: str, body: dict) -> dict:
    """The AdmissionReview that answers one."""
    request = body["request"]
    verdict = webhooks.paths[path](request)
    if not verdict.allowed:
        who, what = request["userInfo"]["username"], request.get("name")
        log.info("%s of %s by %s: %s", path, what, who, verdict.message)
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": verdict.response(request["uid"]),
    }


def serve(kube: Kube) -> None:
    """Serves for ever."""
    webhooks = Webhooks(kube)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def do_GET(self) -> None:
            self._answer(200, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = self.path.split("?")[0]
            if path not in webhooks.paths:
                self._answer(404, {})
                return
            try:
                self._answer(200, review(webhooks, path, body))
            except Exception:
                log.exception("%s failed", path)
                self._answer(500, {})

        def _answer(self, code: int, body: dict) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{CERTIFICATES}/tls.crt", f"{CERTIFICATES}/tls.key")

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: object, client_address: object) -> None:
            # In the connection's own thread: one that only connects must not hold up others.
            with context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

        def handle_error(self, request: object, client_address: object) -> None:
            log.debug("connection of %s ended", client_address)

    Server(("", PORT), Handler).serve_forever()
