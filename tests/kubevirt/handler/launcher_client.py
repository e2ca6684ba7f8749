"""Talks to a launcher through its socket below kubelet's folder (KubeVirt facts 1 and 11)."""

import json
import os
import socket
import struct
from pathlib import Path

KUBELET_PODS = "/var/lib/kubelet/pods"
TIMEOUT = 60.0


class UnreachableError(Exception):
    """No launcher answers at the socket."""


class RefusedError(Exception):
    """The launcher answered with an error."""


class Launcher:
    """The launcher of one pod, or another process of a pod that listens at a socket."""

    def __init__(self, pod_uid: str, folder: Path | None = None, name: str = "launcher-sock"):
        sockets = Path(KUBELET_PODS, pod_uid, "volumes/kubernetes.io~empty-dir/sockets")
        self.folder = folder or sockets
        self.name = name

    def call(self, method: str, **arguments: object) -> dict:
        """The launcher's answer.

        Raises:
            UnreachableError: no launcher listens.
            RefusedError: it could not do what was asked.
        """
        try:
            with self._connect() as connection:
                connection.sendall(json.dumps({"method": method} | arguments).encode() + b"\n")
                line = connection.makefile().readline()
        except OSError as error:
            raise UnreachableError(str(error)) from error
        answer = json.loads(line or "{}")
        if not answer:
            raise UnreachableError("connection closed")
        if not answer["ok"]:
            raise RefusedError(answer["error"])
        return answer

    def pid(self) -> int:
        """The launcher's process id on this node.

        Raises:
            UnreachableError: no launcher listens.
        """
        try:
            with self._connect() as connection:
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError as error:
            raise UnreachableError(str(error)) from error
        return struct.unpack("3i", credentials)[0]

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT)
        # The path is longer than an address may be; the folder's descriptor shortens it.
        folder = None
        try:
            folder = os.open(self.folder, os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/{self.name}")
        except OSError:
            connection.close()
            raise
        finally:
            if folder is not None:
                os.close(folder)
        return connection
