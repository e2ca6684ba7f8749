"""The liveness endpoint, on the standby as well: /healthz answers 200 while the process runs."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

PATH = "/healthz"


def serve(port: int) -> ThreadingHTTPServer:
    """Answer in the background; the server's ``server_port`` is the port it got."""
    server = ThreadingHTTPServer(("", port), _Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == PATH
        self.send_response(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)
        self.end_headers()
        self.wfile.write(b"ok\n" if known else b"not found\n")

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """A probe is no news."""
