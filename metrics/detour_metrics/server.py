"""The port that Prometheus asks. Whatever the path, the answer is all metrics as text.

One request at a time, and who says nothing is not waited for long: who can reach the port can have
Prometheus wait, and can take no memory.
"""

import logging
import sys
import threading
from http.server import HTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler
from typing_extensions import override

log = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0


def serve(registry: CollectorRegistry, port: int) -> HTTPServer:
    """Answer in the background; the server's ``server_port`` is the port it got.

    Raises:
        OSError: the port cannot be had.
    """
    server = _Server(("", port), _Handler.factory(registry))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(HTTPServer):
    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is worth a line, and no traceback past the logs."""
        log.info("a request for metrics broke off: %s", sys.exception())


class _Handler(MetricsHandler):
    timeout = SILENCE_SECONDS
