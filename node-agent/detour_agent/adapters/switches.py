"""This node's AttachmentSwitches: watched by a server-side selector, ``status.node`` written.

The agent writes no other object. Before it removes an old record it reads, once, which switches
there are anywhere: the record may be of a move that now runs on another node.
"""

from collections.abc import Iterator
from typing import Any

import kubernetes
import urllib3

from detour_agent.errors import NotYet, StepFailed, Unreachable
from detour_agent.steps.context import Switch
from detour_crds import json_text
from detour_crds.attachment_switch import (
    AttachmentSwitchStatus,
    Compute,
    MirrorSpec,
    Node,
)
from detour_crds.names import ATTACHMENT_SWITCHES, GROUP, STATUS_REFUSED, VERSION
from detour_crds.refusals import did_not_apply
from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration import OverlaySpec, Trust

CONNECT_SECONDS = 5
READ_SECONDS = 30
WATCH_SECONDS = 300
"""The server ends a watch after this long; it is begun again where it ended."""
GONE = 410
REPLACED_CODES = frozenset({404, 409})
INVALID = 422
SAID_CHARACTERS = 500
"""The server repeats what it refuses, however long that is."""


def connect() -> Any:
    """The API as the pod's service account sees it, or as the kubeconfig says."""
    try:
        kubernetes.config.load_incluster_config()  # type: ignore[no-untyped-call]
    except kubernetes.config.ConfigException:
        kubernetes.config.load_kube_config()  # type: ignore[no-untyped-call]
    return kubernetes.client.CustomObjectsApi()


class Switches:
    """The switches whose ``status.compute.node`` is this node."""

    def __init__(self, node: str, api: Any) -> None:
        self._api = api
        self._resource: dict[str, Any] = {
            "group": GROUP,
            "version": VERSION,
            "plural": ATTACHMENT_SWITCHES,
        }
        self._selector = f"status.compute.node={node}"

    def list(self) -> tuple[list[dict[str, Any]], str]:
        """Every switch of this node, and the version a watch goes on from.

        Raises:
            Unreachable: the API did not answer, or not as it should.
        """
        found = self._list(field_selector=self._selector)
        return list(found["items"]), str(found["metadata"]["resourceVersion"])

    def everywhere(self) -> frozenset[str]:
        """The uids of all switches of the cluster, as they are now and not from a cache.

        Without a resource version the server answers with what is stored
        (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list).

        Raises:
            Unreachable: the API did not answer, or with a part of them only.
        """
        found = self._list()
        if found["metadata"].get("continue"):
            raise Unreachable("ApiUnreachable", "the API listed some of the switches only")
        return frozenset(item["metadata"]["uid"] for item in found["items"])

    def _list(self, **selected: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._api.list_cluster_custom_object(
                **self._resource, **selected, _request_timeout=(CONNECT_SECONDS, READ_SECONDS)
            )
        except (kubernetes.client.ApiException, urllib3.exceptions.HTTPError) as error:
            raise unreachable(error) from error
        return found

    def watch(self, version: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events from a version on: their type (ADDED, MODIFIED, DELETED) and the object.

        Raises:
            NotYet: the version is too old; list again.
            Unreachable: the connection broke.
        """
        watch: Any = kubernetes.watch.Watch  # it has no annotations
        stream = watch().stream(
            self._api.list_cluster_custom_object,
            **self._resource,
            field_selector=self._selector,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=(CONNECT_SECONDS, WATCH_SECONDS + READ_SECONDS),
        )
        try:
            for event in stream:
                yield event["type"], event["object"]
        except kubernetes.client.ApiException as error:
            if error.status == GONE:
                raise NotYet("ListAgain", "the watch is too old") from error
            raise unreachable(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(error) from error

    def patch_node(self, switch: Switch, node: Node) -> None:
        """Have ``status.node`` say this, of the very object that was read.

        A merge patch could not test that: the server takes no notice of a uid in one of a status
        (apiserver 1.36, measured). A report that is late must not be another object's.

        Raises:
            NotYet: the object is gone or another one.
            StepFailed: the server takes no such status.
            Unreachable: the API did not answer.
        """
        body = [
            {"op": "test", "path": "/metadata/uid", "value": switch.uid},
            {"op": "add", "path": "/status/node", "value": serialise(node)},
        ]
        try:
            self._api.patch_namespaced_custom_object_status(
                **self._resource,
                namespace=switch.namespace,
                name=switch.name,
                body=body,
                _content_type="application/json-patch+json",
                _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except kubernetes.client.ApiException as error:
            changed = error.status == INVALID and did_not_apply(_told(error))
            if changed or error.status in REPLACED_CODES:
                raise NotYet("SwitchReplaced", f"{error.status} {error.reason}") from error
            if error.status == INVALID:
                raise StepFailed(STATUS_REFUSED, _said(error)) from error
            raise unreachable(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(error) from error


def read_switch(value: dict[str, Any]) -> Switch:
    """The agent's view of an AttachmentSwitch.

    Raises:
        ValueError: the object is not one.
    """
    metadata, spec = value["metadata"], value["spec"]
    status = parse(AttachmentSwitchStatus, value.get("status"))
    return Switch(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        volume=spec["volume"],
        virtual_machine=spec["virtualMachine"]["name"],
        trust=Trust(spec["trust"]) if spec.get("trust") else None,
        answered_stop=spec.get("answeredStop"),
        compute=status.compute or Compute(),
        node=status.node or Node(),
        overlay=parse(OverlaySpec, spec.get("overlay")),
        mirror=parse(MirrorSpec, spec["mirror"]) if spec.get("mirror") is not None else None,
    )


def _said(error: kubernetes.client.ApiException) -> str:
    """What the server says is wrong."""
    said = str(_told(error).get("message") or "")
    return said[:SAID_CHARACTERS] or f"{error.status} {error.reason}"


def _told(error: kubernetes.client.ApiException) -> dict[str, Any]:
    try:
        told = json_text.read(error.body or "")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def unreachable(error: Exception) -> Unreachable:
    """Why the API could not be asked."""
    return Unreachable("ApiUnreachable", str(error).splitlines()[0] if str(error) else repr(error))
