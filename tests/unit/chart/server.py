"""An API server with its etcd, for as long as a test session: what admission says is real."""

import contextlib
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client

from cluster import paths, tools
from cluster.local.certificates import signing_key

TOKEN = "admission-tests"  # noqa: S105 - of a server that is gone after the tests
START_SECONDS = 120
THREADS = 32
"""That ask at once without a connection made anew each time."""


JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


class Server:
    """Asks as anybody."""

    def __init__(self, host: str, authority: Path) -> None:
        self._host = host
        self._authority = authority
        self._pool = urllib3.PoolManager(maxsize=THREADS, ca_certs=str(authority))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "",
        token: str = TOKEN,
        dry_run: bool = False,
    ) -> tuple[int, Any]:
        """Status and body of an answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
        if user:
            headers["Impersonate-User"] = user
        query = f"{'&' if '?' in path else '?'}dryRun=All" if dry_run else ""
        # In ASCII: text that no encoding takes can be asked as well.
        said = None if body is None else json.dumps(body)
        answer = self._pool.request(
            method, f"{self._host}{path}{query}", body=said, headers=headers
        )
        try:
            return answer.status, answer.json()
        except ValueError:
            return answer.status, {"message": answer.data.decode(errors="replace")}

    def client(self, token: str = TOKEN) -> client.ApiClient:
        """For programs that ask by Kubernetes' own client."""
        chosen = client.Configuration()
        chosen.host, chosen.ssl_ca_cert = self._host, str(self._authority)
        chosen.api_key = {"authorization": f"Bearer {token}"}
        return client.ApiClient(chosen)

    def kubeconfig(self) -> dict[str, Any]:
        """For programs: an administrator's."""
        cluster = {"server": self._host, "certificate-authority": str(self._authority)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "root", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "root"}}],
            "current-context": "test",
        }

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """What must not fail."""
        status, told = self.ask(method, path, body)
        assert status < HTTPStatus.MULTIPLE_CHOICES, f"{method} {path}: {told}"
        return told

    def refusal(
        self, method: str, path: str, body: Any = None, *, user: str = "joe", token: str = TOKEN
    ) -> str:
        """Why an attempt would be refused, as the user reads it; empty if it would not."""
        status, told = self.ask(method, path, body, user=user, token=token, dry_run=True)
        return "" if status < HTTPStatus.MULTIPLE_CHOICES else str(told.get("message") or told)


@contextlib.contextmanager
def running(authorization: str = "AlwaysAllow", *options: str) -> Iterator[Server]:
    """The server, ready to be asked.

    Args:
        authorization: who may do what is not the question where policies alone are asked.
        options: further options of its command line.
    """
    tools.ensure("kube-apiserver")
    with (
        tempfile.TemporaryDirectory(prefix="detour-admission-") as name,
        contextlib.ExitStack() as ends,
    ):
        folder = Path(name)
        etcd, peer, secure = _ports(3)
        _start(ends, folder, "etcd", ["etcd", *_etcd(folder, etcd, peer)])
        mode = f"--authorization-mode={authorization}"
        own = _api_server(folder, etcd, secure)
        server = [paths.binaries() / "kube-apiserver", *own, mode, *options]
        _start(ends, folder, "kube-apiserver", server)
        authority = folder / "certificates" / "apiserver.crt"
        _until(authority.exists, folder)
        asked = Server(f"https://127.0.0.1:{secure}", authority)
        _until(lambda: _ready(asked), folder)
        yield asked


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _etcd(folder: Path, port: int, peer: int) -> list[str]:
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls=http://127.0.0.1:{port}",
        f"--advertise-client-urls=http://127.0.0.1:{port}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]


def _api_server(folder: Path, etcd: int, port: int) -> list[str]:
    signing_key(folder / "service-accounts.key")
    (folder / "tokens.csv").write_text(f"{TOKEN},root,root,system:masters\n")
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}/certificates",
        f"--token-auth-file={folder}/tokens.csv",
        # Pods need no account here, and nobody makes them one.
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/service-accounts.key",
        f"--service-account-signing-key-file={folder}/service-accounts.key",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
    ]


def _start(ends: contextlib.ExitStack, folder: Path, name: str, command: list[Any]) -> None:
    log = ends.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    ends.callback(process.wait)
    ends.callback(process.terminate)


def _ready(server: Server) -> bool:
    try:
        return server.ask("GET", "/api/v1/namespaces/default")[0] == HTTPStatus.OK
    except urllib3.exceptions.HTTPError:
        return False


def _until(true: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not true():
        log = (folder / "kube-apiserver.log").read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, log
        time.sleep(0.1)
