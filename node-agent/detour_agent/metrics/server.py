"""The port that Prometheus asks. Whatever the path, the answer is all metrics as text.

One request at a time, each with little time: who can reach the port can have others wait, and can
take no memory.
"""

import threading
from http.server import HTTPServer

from prometheus_client import MetricsHandler

from detour_agent.metrics.families import REGISTRY

REQUEST_SECONDS = 5.0


def serve(port: int) -> HTTPServer:
    """Answer in the background; the server's ``server_port`` is the port it got.

    Raises:
        OSError: the port cannot be had.
    """
    server = HTTPServer(("", port), _Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Handler(MetricsHandler):
    registry = REGISTRY
    timeout = REQUEST_SECONDS
    """Of each reading and writing."""
