"""The launcher's command socket: a JSON object on a line, answered by another.

KubeVirt speaks gRPC here.
"""

import json
import logging
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

from . import paths

log = logging.getLogger("virt-launcher")
Command = Callable[[dict], dict]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    commands: dict[str, Command]


class _Handler(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        line = self.rfile.readline()
        if line:
            self.wfile.write(
                json.dumps(answer(self.server.commands, json.loads(line))).encode() + b"\n"
            )


def answer(commands: dict[str, Command], request: dict) -> dict:
    """Runs the command a request names; what goes wrong becomes the answer's error."""
    command = commands.get(request["method"])
    if command is None:
        return {"ok": False, "error": f"unknown method {request['method']}"}
    try:
        return {"ok": True} | command(request)
    except Exception as error:
        log.exception("%s failed", request["method"])
        return {"ok": False, "error": str(error)}


def serve(commands: dict[str, Command], path: str = paths.LAUNCHER_SOCKET) -> None:
    """Listens for commands in the background."""
    Path(path).unlink(missing_ok=True)
    server = _Server(path, _Handler)
    server.commands = commands
    threading.Thread(target=server.serve_forever, daemon=True, name="commands").start()
