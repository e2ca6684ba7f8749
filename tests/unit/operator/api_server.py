"""A local HTTP server in the place of the API: it answers as told and notes what it was asked."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kubernetes import client

from detour_operator.adapters.client import Api


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: Any
    body: Any
    connection: Any = None


@dataclasses.dataclass
class Server:
    """``answer`` gives status and body for a request."""

    answer: Callable[[Request], tuple[int, Any]]
    asked: list[Request] = dataclasses.field(default_factory=list)
    port: int = 0

    def configuration(self):
        chosen = client.Configuration()
        chosen.host = f"http://127.0.0.1:{self.port}"
        chosen.retries = 1
        return chosen

    def api(self):
        return Api(client.ApiClient(self.configuration()))


def status(code, reason, message="because", **details):
    """An answer as the API gives it for a failure; what is missing has a name."""
    if code == HTTPStatus.NOT_FOUND:
        details = {"name": "it", **details}
    told = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return code, {**told, "details": details}


@contextlib.contextmanager
def serving(answer):
    """A server for as long as the block runs."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer costs 40 ms
        wbufsize = -1  # headers and body in one write

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(
                self.command,
                self.path,
                self.headers,
                json.loads(body) if body else None,
                self.client_address,
            )
            server.asked.append(request)
            code, told = server.answer(request)
            if isinstance(told, list):
                self._stream(code, told)
                return
            said = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _stream(self, code, parts):
            self.send_response(code)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in parts:
                said = part.encode()
                self.wfile.write(f"{len(said):x}\r\n".encode() + said + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_):
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        server.port = running.server_port
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        running.shutdown()
        thread.join()
