"""A Kubernetes client on the standard library: what the processes need, in little memory."""

import base64
import http.client
import json
import os
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

PATHS = {
    "VirtualMachine": "apis/kubevirt.io/v1/{ns}virtualmachines",
    "VirtualMachineInstance": "apis/kubevirt.io/v1/{ns}virtualmachineinstances",
    "VirtualMachineInstanceMigration": "apis/kubevirt.io/v1/{ns}virtualmachineinstancemigrations",
    "KubeVirt": "apis/kubevirt.io/v1/{ns}kubevirts",
    "Pod": "api/v1/{ns}pods",
    "Node": "api/v1/nodes",
    "Event": "api/v1/{ns}events",
    "Secret": "api/v1/{ns}secrets",
    "Service": "api/v1/{ns}services",
    "ServiceAccount": "api/v1/{ns}serviceaccounts",
    "Namespace": "api/v1/namespaces",
    "PersistentVolumeClaim": "api/v1/{ns}persistentvolumeclaims",
    "ControllerRevision": "apis/apps/v1/{ns}controllerrevisions",
    "Deployment": "apis/apps/v1/{ns}deployments",
    "DaemonSet": "apis/apps/v1/{ns}daemonsets",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "PriorityClass": "apis/scheduling.k8s.io/v1/priorityclasses",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingWebhookConfiguration": (
        "apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    ),
    "MutatingWebhookConfiguration": (
        "apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    ),
}


class ApiError(Exception):
    """The API server answered with an error.

    Attributes:
        code: the HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Kube:
    """One API server and one identity; a connection per thread."""

    host: str
    port: int
    context: ssl.SSLContext
    token_file: Path | None = None
    token: str | None = None
    _local: threading.local = field(default_factory=threading.local)

    def get(self, kind: str, namespace: str | None, name: str) -> dict | None:
        """The object, None if there is none."""
        try:
            return self.request("GET", f"{path(kind, namespace)}/{name}")
        except ApiError as error:
            if error.code == http.client.NOT_FOUND:
                return None
            raise

    def list_all(self, kind: str, namespace: str | None = None, **query: str) -> list[dict]:
        """The objects, in one namespace or in all."""
        return self.request("GET", path(kind, namespace), query=query).get("items") or []

    def create(self, kind: str, body: dict) -> dict:
        """The object as created."""
        return self.request("POST", path(kind, body["metadata"].get("namespace")), body)

    def replace(self, kind: str, body: dict, subresource: str = "") -> dict:
        """The object as replaced; its resourceVersion guards against lost updates."""
        where = _object_path(kind, body) + subresource
        return self.request("PUT", where, body)

    def patch(self, kind: str, target: dict, patch: list | dict, subresource: str = "") -> dict:
        """The object as patched: a list is a JSON patch, a dict a merge patch."""
        content = JSON_PATCH if isinstance(patch, list) else MERGE_PATCH
        return self.request("PATCH", _object_path(kind, target) + subresource, patch, content)

    def apply(self, kind: str, body: dict) -> dict:
        """The object as applied by the server, whatever was there before."""
        query = {"fieldManager": "kubevirt-stand-in", "force": "true"}
        return self.request("PATCH", _object_path(kind, body), body, APPLY_PATCH, query)

    def delete(self, kind: str, target: dict, **options: object) -> None:
        """Deletes the object; that it is gone already is no error."""
        try:
            self.request("DELETE", _object_path(kind, target), options or None)
        except ApiError as error:
            if error.code != http.client.NOT_FOUND:
                raise

    def request(
        self,
        method: str,
        where: str,
        body: object = None,
        content: str = "application/json",
        query: dict | None = None,
    ) -> dict:
        """One call; a connection the server has closed meanwhile is opened once again."""
        if query:
            where += "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            connection = self._connection()
            try:
                connection.request(method, "/" + where, data, self._headers(content))
                answer = connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError):
                self._local.connection = None
                if attempt == 2:
                    raise
        if answer.status >= http.client.BAD_REQUEST:
            raise ApiError(answer.status, _message(text))
        return json.loads(text) if text else {}

    def watch(self, where: str, query: dict, timeout: int = 120) -> Iterator[dict]:
        """The events the server sends until the watch ends; a connection of its own."""
        query = query | {
            "watch": "1",
            "timeoutSeconds": str(timeout),
            "allowWatchBookmarks": "true",
        }
        connection = http.client.HTTPSConnection(
            self.host, self.port, context=self.context, timeout=timeout + 30
        )
        try:
            connection.request(
                "GET", f"/{where}?{urllib.parse.urlencode(query)}", headers=self._headers("")
            )
            answer = connection.getresponse()
            if answer.status >= http.client.BAD_REQUEST:
                raise ApiError(answer.status, answer.read().decode())
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPSConnection(
                self.host, self.port, context=self.context, timeout=30
            )
        return self._local.connection

    def _headers(self, content: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "kubevirt-stand-in"}
        if content:
            headers["Content-Type"] = content
        token = self.token_file.read_text() if self.token_file else self.token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _message(text: bytes) -> str:
    """What an error says; that a resource is unknown is told in plain text."""
    try:
        return json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip()


def path(kind: str, namespace: str | None) -> str:
    """The path of a kind's collection."""
    return PATHS[kind].format(ns=f"namespaces/{namespace}/" if namespace else "")


def _object_path(kind: str, body: dict) -> str:
    metadata = body["metadata"]
    return f"{path(kind, metadata.get('namespace'))}/{metadata['name']}"


def in_cluster() -> Kube:
    """The client of a pod, under its service account."""
    context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    return Kube(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        context,
        token_file=SERVICE_ACCOUNT / "token",
    )


def from_kubeconfig(file: str) -> Kube:
    """The client of a kubeconfig's current context: certificates or a token, inline or files."""
    import yaml

    configuration = yaml.safe_load(Path(file).read_text())
    current = _named(configuration["contexts"], configuration["current-context"])["context"]
    cluster = _named(configuration["clusters"], current["cluster"])["cluster"]
    user = _named(configuration["users"], current["user"])["user"]
    url = urllib.parse.urlsplit(cluster["server"])
    context = ssl.create_default_context()
    authority = _inline_or_file(cluster, "certificate-authority")
    if authority:
        context = ssl.create_default_context(cadata=authority.decode())
    certificate, key = (_inline_or_file(user, f"client-{what}") for what in ("certificate", "key"))
    if certificate and key:
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return Kube(url.hostname, url.port or 443, context, token=user.get("token"))


def _named(entries: list[dict], name: str) -> dict:
    return next(entry for entry in entries if entry["name"] == name)


def _inline_or_file(section: dict, key: str) -> bytes | None:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"])
    if key in section:
        return Path(section[key]).read_bytes()
    return None
