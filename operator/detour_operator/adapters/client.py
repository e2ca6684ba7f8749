"""The one way to the Kubernetes API: any kind of object as JSON, with timeouts and typed errors.

An object that is not there is None; an API that cannot be asked is :class:`Unreachable`. The two
are never confused.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client, config

from detour_crds import json_text
from detour_operator.adapters.api_errors import translated
from detour_operator.adapters.resources import Resource
from detour_operator.errors import Gone, NotServed, Unreachable
from detour_operator.metrics.families import REQUESTS

Json = dict[str, Any]

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
WATCH_SECONDS = 240
"""After this long the server ends a watch, so that a dead connection is noticed."""
PAGE = 500

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
NO_ANSWER = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Impersonation:
    """As whom a request is made.

    https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    """

    user: str
    groups: tuple[str, ...] = ()


def connect() -> "Api":
    """The API of the cluster this process runs in; outside of one, of the kubeconfig.

    Raises:
        Unreachable: neither is configured.
    """
    settings = client.Configuration()
    settings.retries = 1  # one dropped connection is nothing; the queue's back-off does the rest
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise Unreachable(f"no cluster is configured: {error}") from error
    api_client = client.ApiClient(settings)
    api_client.user_agent = "detour-operator"
    return Api(api_client)


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    _: dataclasses.KW_ONLY
    query: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"
    content_type: str = "application/json"
    body: Any = None
    impersonate: Impersonation | None = None
    read_seconds: float = READ_SECONDS

    def headers(self) -> dict[str, str]:
        headers = {"Accept": self.accept}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        if self.impersonate is not None:
            headers["Impersonate-User"] = self.impersonate.user
        return headers


class Api:
    """Thin verbs over one client; safe to use from several threads.

    ``address`` is where requests go, if not to where the client's configuration says. In a pod
    that is set anew to the service's address before each request, along with the token
    (kubernetes 37.0.2, ``InClusterConfigLoader``).

    Every verb raises :class:`Unreachable` if the API could not be asked, and on a refusal
    :class:`Conflict`, :class:`Forbidden` or :class:`Refused`.
    """

    def __init__(self, api_client: client.ApiClient, address: str | None = None) -> None:
        self.client = api_client
        self._address = address

    def get(
        self, resource: Resource, namespace: str | None, name: str, *, optional: bool = False
    ) -> Json | None:
        """One object, or None if it does not exist.

        Args:
            resource: the kind.
            namespace: where it is; None for a kind outside of namespaces.
            name: its name.
            optional: a cluster need not have the kind, and has no object of it then.

        Raises:
            Unreachable: the API server does not know the kind, which is not ``optional``.
        """
        try:
            return self._json(_Request("GET", resource.path(namespace, name)))
        except NotServed as error:
            if optional:
                return None
            what = f"{resource.plural} {name}"
            raise Unreachable(f"{what}: the API server does not know the kind") from error
        except Gone:
            return None

    def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[Json]:
        """All objects (of a namespace, or of all), page by page."""
        found: list[Json] = []
        asked = _query(labelSelector=label_selector, fieldSelector=field_selector, limit=str(PAGE))
        query = asked
        while True:
            page = self._json(_Request("GET", resource.path(namespace), query=query))
            found += page.get("items") or []
            more = page.get("metadata", {}).get("continue")
            if not more:
                return found
            query = (*asked, ("continue", str(more)))

    def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Mapping[str, Any],
        *,
        dry_run: bool = False,
        impersonate: Impersonation | None = None,
    ) -> Json:
        """Create an object.

        Raises:
            AlreadyExists: one of this name is there.
        """
        return self._json(
            _Request(
                "POST",
                resource.path(namespace),
                query=_query(dryRun="All" if dry_run else ""),
                body=dict(body),
                impersonate=impersonate,
            )
        )

    def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        resource_version: str = "",
        dry_run: bool = False,
        impersonate: Impersonation | None = None,
    ) -> Json:
        """Apply a merge patch (RFC 7396).

        Raises:
            Conflict: ``resource_version`` is given and the object has another one.
            Gone: the object does not exist.
        """
        body = dict(patch)
        if resource_version:
            metadata = {**body.get("metadata", {}), "resourceVersion": resource_version}
            body["metadata"] = metadata
        return self._json(
            _Request(
                "PATCH",
                resource.path(namespace, name, subresource),
                query=_query(dryRun="All" if dry_run else ""),
                content_type=MERGE_PATCH,
                body=body,
                impersonate=impersonate,
            )
        )

    def json_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        subresource: str = "",
        dry_run: bool = False,
        impersonate: Impersonation | None = None,
    ) -> Json:
        """Apply a JSON patch (RFC 6902), all of it or nothing.

        Raises:
            Conflict: a test of the patch failed, or one of its paths is not there.
            Gone: the object does not exist.
        """
        return self._json(
            _Request(
                "PATCH",
                resource.path(namespace, name, subresource),
                query=_query(dryRun="All" if dry_run else ""),
                content_type=JSON_PATCH,
                body=list(operations),
                impersonate=impersonate,
            )
        )

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """Ask for an object's deletion; that it is gone is for a later look to say.

        Raises:
            Conflict: ``uid`` or ``resource_version`` is given and the object of this name has
                another one.
        """
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body["propagationPolicy"] = propagation
        expected = {"uid": uid, "resourceVersion": resource_version}
        if any(expected.values()):
            body["preconditions"] = {name: value for name, value in expected.items() if value}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        if dry_run:
            body["dryRun"] = ["All"]
        try:
            self._json(_Request("DELETE", resource.path(namespace, name), body=body))
        except Gone:
            return

    def text(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        query: Mapping[str, str],
    ) -> str | None:
        """A subresource that is plain text, as a pod's log; None if it does not exist."""
        path = resource.path(namespace, name, subresource)
        try:
            answer = self._answer(_Request("GET", path, query=_query(**query), accept="*/*"))
        except Gone:
            return None
        return answer.decode(errors="replace")

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
    ) -> Iterator[Json]:
        """Events (``type``, ``object``) until the server ends the watch, after minutes.

        Without ``resource_version`` it begins with an ADDED for every object there is. An event of
        the type ERROR means: begin anew.
        """
        query = _query(
            watch="true",
            timeoutSeconds=str(WATCH_SECONDS),
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
        )
        path = resource.path(namespace)
        request = _Request("GET", path, query=query, read_seconds=WATCH_SECONDS + READ_SECONDS)
        with translated():
            response = self._send(request)
            try:
                _raise_for_status(response)
                yield from _lines(response)
            finally:
                response.close()

    def _json(self, request: _Request) -> Json:
        with translated():
            found = json_text.read(self._answer(request))
        if not isinstance(found, dict):
            raise Unreachable(f"the API's answer is no object: {str(found)[:100]}")
        return found

    def _answer(self, request: _Request) -> bytes:
        with translated(json_patch=request.content_type == JSON_PATCH):
            response = self._send(request)
            _raise_for_status(response)
            return response.data

    def _send(self, request: _Request) -> urllib3.BaseHTTPResponse:
        method, url, headers, body, _ = self.client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query),
            header_params=request.headers(),
            body=request.body,
            auth_settings=["BearerToken"],
            _host=self._address,
        )
        # A header that stands several times cannot be said with the dict the client makes.
        several = urllib3.HTTPHeaderDict(headers)
        for group in request.impersonate.groups if request.impersonate else ():
            several.add("Impersonate-Group", group)
        code = NO_ANSWER
        try:
            answer = self.client.call_api(
                method,
                url,
                several,
                body,
                _request_timeout=(CONNECT_SECONDS, request.read_seconds),
            )
            response: urllib3.BaseHTTPResponse = answer.response
            code = response.status
        finally:
            REQUESTS.labels(request.method, str(code)).inc()
        return response


def _raise_for_status(response: urllib3.BaseHTTPResponse) -> None:
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise client.ApiException(
            status=response.status, body=response.data.decode(errors="replace")
        )


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[Json]:
    rest = b""
    for chunk in response.read_chunked() if response.chunked else [response.data]:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (json_text.read(line) for line in complete if line.strip())


def _query(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in given.items() if value)
