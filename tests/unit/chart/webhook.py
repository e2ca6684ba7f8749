"""An admission webhook of somebody else's, which refuses as it is told to."""

import contextlib
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cluster.local.certificates import Authority
from unit.chart.server import Server

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "theirs.example.com"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
RULE = {
    "apiGroups": ["detour.dev"],
    "apiVersions": ["*"],
    "resources": ["*/*"],
    "operations": ["CREATE", "UPDATE"],
}


@contextlib.contextmanager
def refusing(
    server: Server, folder: Path, namespace: str, status: dict[str, Any]
) -> Iterator[None]:
    """Every change of Detour's objects in a namespace is refused with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"uid": review["request"]["uid"], "allowed": False, "status": status}
            said = json.dumps({**review, "request": None, "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    authority = Authority(folder, "webhook")
    authority.make()
    files = authority.sign(folder, "served", "/CN=webhook", ["IP:127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        bundle = b64encode(authority.certificate.read_bytes()).decode()
        webhook = {
            "name": NAME,
            "clientConfig": {
                "url": f"https://127.0.0.1:{running.server_port}/",
                "caBundle": bundle,
            },
            "rules": [RULE],
            "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        server.do("POST", WEBHOOKS, {"metadata": {"name": NAME}, "webhooks": [webhook]})
        try:
            yield
        finally:
            server.do("DELETE", f"{WEBHOOKS}/{NAME}")
            running.shutdown()
            thread.join()
