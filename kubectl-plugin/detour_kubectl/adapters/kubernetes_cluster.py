"""The port on the official Kubernetes client and a kubeconfig."""

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client, config
from yaml import YAMLError

from detour_kubectl.adapters.answers import is_absent, translated
from detour_kubectl.errors import UnreachableError
from detour_kubectl.port import Json, Kind

if TYPE_CHECKING:
    import urllib3

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"
NO_CONFIG = (
    "name a kubeconfig with --kubeconfig or the variable KUBECONFIG, and one of its contexts with"
    " --context; `kubectl config get-contexts` shows them"
)


def connect(
    kubeconfig: str | None, context: str | None, *, version: str
) -> tuple["KubernetesCluster", str]:
    """The cluster, and the namespace that the kubeconfig's context names.

    Raises:
        UnreachableError: no kubeconfig, or no such context.
    """
    settings = client.Configuration()
    settings.retries = 1
    if kubeconfig is None and not _has_kubeconfig() and os.environ.get("KUBERNETES_SERVICE_HOST"):
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text()
    else:
        namespace = _load(kubeconfig, context, settings)
    api_client = client.ApiClient(settings)
    api_client.user_agent = f"kubectl-detour/{version}"
    return KubernetesCluster(api_client), namespace


def _has_kubeconfig() -> bool:
    return "KUBECONFIG" in os.environ or (Path.home() / ".kube" / "config").exists()


def _load(kubeconfig: str | None, context: str | None, settings: client.Configuration) -> str:
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=settings
        )
        contexts, active = config.list_kube_config_contexts(config_file=kubeconfig)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, YAMLError, TypeError, ValueError) as error:
        raise UnreachableError(f"no cluster is configured: {error}", NO_CONFIG) from error
    wanted = next((item for item in contexts if item["name"] == context), active)
    return str((wanted.get("context") or {}).get("namespace") or "default")


class KubernetesCluster:
    """Implements :class:`detour_kubectl.port.Cluster`."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """One object, None if it does not exist."""
        with translated(kind, "get", namespace):
            return self._json_or_none("GET", path(kind, namespace, name))

    def list(
        self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """All objects, page by page."""
        found: list[Json] = []
        more = ""
        with translated(kind, "list", namespace):
            while True:
                query = {"labelSelector": labels, "fieldSelector": fields, "continue": more}
                asked = {name: value for name, value in query.items() if value}
                page = self._json("GET", path(kind, namespace), {**asked, "limit": str(PAGE)})
                found += page.get("items") or []
                more = str((page.get("metadata") or {}).get("continue") or "")
                if not more:
                    return found

    def create(self, kind: Kind, namespace: str | None, body: Mapping[str, Any]) -> Json:
        """Create an object; as it was taken."""
        with translated(kind, "create", namespace):
            return self._json("POST", path(kind, namespace), body=dict(body))

    def patch(
        self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Json | None:
        """Merge a patch into an object; None if it does not exist."""
        with translated(kind, "patch", namespace):
            return self._json_or_none("PATCH", path(kind, namespace, name), dict(patch))

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Ask for an object's deletion; fine if it is not there."""
        with translated(kind, "delete", namespace):
            self._json_or_none("DELETE", path(kind, namespace, name))

    def log(self, namespace: str, pod: str, *, lines: int) -> str:
        """The last lines of a pod's log; empty if there is no such pod, or it has not begun."""
        where = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        with translated(Kind(name="the log of a Pod", plural="pods/log"), "get", namespace):
            try:
                return self._answer("GET", where, {"tailLines": str(lines)}).decode(
                    errors="replace"
                )
            except client.ApiException as error:
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
                    return ""
                raise

    def kinds(self, group: str, version: str) -> frozenset[str]:
        """The plurals that are served of a group's version."""
        with translated(Kind(name="API group", group=group, plural="discovery"), "get", None):
            try:
                told = self._json("GET", f"/apis/{group}/{version}")
            except client.ApiException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return frozenset()
                raise
        return frozenset(str(item["name"]) for item in told.get("resources") or [])

    def version(self) -> str:
        """Kubernetes' own version."""
        with translated(Kind(name="version", plural="version"), "get", None):
            return str(self._json("GET", "/version").get("gitVersion", ""))

    def _json_or_none(self, method: str, where: str, body: Any = None) -> Json | None:
        try:
            return self._json(method, where, body=body)
        except client.ApiException as error:
            if is_absent(error):
                return None
            raise

    def _json(
        self, method: str, where: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Json:
        found = json.loads(self._answer(method, where, query, body))
        if not isinstance(found, dict):
            # ValueError, as for an answer that is no JSON at all: both are translated alike.
            raise ValueError(f"it is no object: {str(found)[:100]}")  # noqa: TRY004
        return found

    def _answer(
        self, method: str, where: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> bytes:
        sent = MERGE_PATCH if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json, */*", "Content-Type": sent}
        method, url, headers, body, _ = self._client.param_serialize(
            method,
            where,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        times = (CONNECT_SECONDS, READ_SECONDS)
        answer = self._client.call_api(method, url, headers, body, _request_timeout=times)
        response: urllib3.BaseHTTPResponse = answer.response
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            text = response.data.decode(errors="replace")
            raise client.ApiException(status=response.status, body=text)
        return response.data


def path(kind: Kind, namespace: str | None, name: str = "") -> str:
    """The URL path; no namespace means all of them, or a kind outside of namespaces."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [root, *(("namespaces", namespace) if namespace else ()), kind.plural, name]
    return "/".join(part for part in parts if part)
