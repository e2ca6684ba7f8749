"""The programs beside the API server: Detour's operator, and what ends a cluster's objects."""

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster import paths
from cluster.process import wait_until
from unit.chart.chart import NAMESPACE, of_kind
from unit.chart.server import TOKEN, Server

ACCOUNT = "detour-operator"
TOKEN_SECONDS = 24 * 3600
START_SECONDS = 120
CONTROLLERS = (
    "garbage-collector-controller", "job-controller", "namespace-controller",
    "persistentvolumeclaim-protection-controller",
)  # fmt: skip
"""Those that end objects, or make what is to be ended; nothing schedules or provisions."""
UNEXPECTED = "unexpectedly"
"""In the worker's words on an exception that nobody foresaw."""
LEASE_LOST = "The lease could not be renewed in time"
SOURCES = ("operator", "crds", "failpoints", "metrics")


@dataclasses.dataclass(slots=True)
class Operator:
    """The operator's process, while it runs.

    One that could not renew its lease ends, as it must, and is started again, as kubelet does: on
    a machine that is too busy that happens, and says nothing about what was asked for.
    """

    command: list[str]
    environment: dict[str, str]
    log: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    leases_lost: int = 0
    ended: bool = False
    _ending: bool = False

    def start(self) -> None:
        """Start it; whoever calls ends it."""
        began = self._launch()
        threading.Thread(target=self._keep_up, args=(began,), daemon=True).start()

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        self._ending = True
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def _launch(self) -> int:
        """Start the process; where in the log its words begin, in bytes."""
        with self.log.open("ab") as said:
            began = said.tell()
            self.process = subprocess.Popen(
                self.command, stdout=said, stderr=said, env=self.environment
            )
        return began

    def _keep_up(self, began: int) -> None:
        while self.process is not None:
            self.process.wait()
            said = self.log.read_bytes()[began:].decode(errors="replace")
            if self._ending or LEASE_LOST not in said:
                self.ended = True
                return
            self.leases_lost += 1
            began = self._launch()

    def is_alive(self) -> bool:
        """Whether it has not ended for any other reason, and answers its probe."""
        if self.ended:
            return False
        url = f"http://127.0.0.1:{self.port}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False  # perhaps it is just being started again

    def memory_kib(self) -> int:
        """Its resident memory, KiB."""
        status = self._of_process("status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(self._of_process("task")))

    def _of_process(self, name: str) -> Path:
        assert self.process is not None
        return Path("/proc", str(self.process.pid), name)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it has logged; a line that is none of a log has its text as ``exc_info``."""
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"level": "CRITICAL", "message": "no line of a log", "exc_info": line}

    def bugs(self) -> list[str]:
        """What it has logged that must not be: exceptions that nobody foresaw."""
        return [
            f"{line.get('namespace', '')}/{line.get('object', '')}: {line['message']}: "
            f"{str(line.get('exc_info', ''))[-600:]}"
            for line in self.lines()
            if line.get("exc_info") or UNEXPECTED in str(line.get("message"))
        ]


@contextlib.contextmanager
def running(server: Server, folder: Path, at_a_time: int) -> Iterator[Operator]:
    """Both programs, with Detour installed; the operator holds its lease then.

    Args:
        server: the API server.
        folder: for their files.
        at_a_time: moves that may be under way, as the chart has it.
    """
    with contextlib.ExitStack() as ends:
        admin = folder / "admin.kubeconfig"
        _kubeconfig(server, admin, TOKEN)
        _start(ends, folder / "controllers.log", _controllers(admin), dict(os.environ))
        own, log = folder / "operator.kubeconfig", folder / "operator.log"
        _kubeconfig(server, own, _token(server))
        port = _free_port()
        command = [sys.executable, "-m", "detour_operator"]
        operator = Operator(command, _environment(own, port, at_a_time), log, port)
        operator.start()
        ends.callback(operator.end)
        wait_until(lambda: "Holding the lease" in log.read_text(), "the lease", START_SECONDS)
        yield operator


def _controllers(kubeconfig: Path) -> list[str]:
    return [
        str(paths.binaries() / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _environment(kubeconfig: Path, port: int, at_a_time: int) -> dict[str, str]:
    """As the chart's Deployment has it, and where the API server is."""
    deployment = of_kind("Deployment")["detour-operator"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {item["name"]: item.get("value", "") for item in container["env"]}
    other = {name: value for name, value in os.environ.items() if "KUBE" not in name}
    return {
        **other,
        **given,
        "DETOUR_NAMESPACE": NAMESPACE,
        "DETOUR_POD_NAME": "fuzzed",
        "DETOUR_HEALTH_PORT": str(port),
        "DETOUR_IN_FLIGHT_CLUSTER": str(at_a_time),
        "DETOUR_IN_FLIGHT_PER_NODE": "0",
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": os.pathsep.join(str(paths.REPOSITORY / name) for name in SOURCES),
    }


def _start(
    ends: contextlib.ExitStack, log: Path, command: list[str], environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    said = ends.enter_context(log.open("wb"))
    process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    ends.callback(process.wait)
    ends.callback(process.terminate)
    return process


def _token(server: Server) -> str:
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    return str(server.do("POST", path, request)["status"]["token"])


def _kubeconfig(server: Server, path: Path, token: str) -> None:
    settings = server.client().configuration
    cluster = {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(told))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
