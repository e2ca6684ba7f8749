"""Reading objects of the cluster over one connection.

A test looks several times a second. Each kubectl that is started for that takes a tenth of a
second of a processor (measured), which the guests then lack.
"""

import json
import pathlib
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client, config

Object = dict[str, Any]

SHORT = {"pvc": "persistentvolumeclaims", "vmig": "volumemigrations"}
GROUPS = {
    "events": "api/v1",
    "persistentvolumeclaims": "api/v1",
    "pods": "api/v1",
    "jobs": "apis/batch/v1",
    "attachmentswitches": "apis/detour.dev/v1alpha1",
    "volumemigrationplans": "apis/detour.dev/v1alpha1",
    "volumemigrations": "apis/detour.dev/v1alpha1",
    "virtualmachineinstancemigrations": "apis/kubevirt.io/v1",
    "virtualmachineinstances": "apis/kubevirt.io/v1",
    "virtualmachines": "apis/kubevirt.io/v1",
}
"""What tests look at over and over, by the plural that the API has for it."""
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0


class ReadError(Exception):
    """The cluster did not answer, or with an error."""


def is_known(kind: str) -> bool:
    """Whether it is one of ``GROUPS``, by its plural or a short name."""
    return SHORT.get(kind, kind) in GROUPS


class Reader:
    """Reads namespaced objects of the kinds in ``GROUPS``."""

    def __init__(self, kubeconfig: pathlib.Path) -> None:
        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)
        self._client = client.ApiClient(settings)

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        """One object, or None if it is not there.

        Raises:
            ReadError: that is not known.
        """
        status, found = self._read(f"{_path(kind, namespace)}/{name}")
        if status == HTTPStatus.OK:
            return found
        # Of a kind that is not installed there are no details of any object.
        missing = found.get("details", {}).get("name") == name
        if status == HTTPStatus.NOT_FOUND and missing:
            return None
        raise ReadError(f"{kind} {namespace}/{name}: {found}")

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        """All of a namespace that match a label selector.

        Raises:
            ReadError: they are not known.
        """
        status, found = self._read(_path(kind, namespace), selector)
        if status != HTTPStatus.OK:
            raise ReadError(f"{kind} of {namespace}: {found}")
        of = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**of, **item} for item in found["items"]]

    def _read(self, path: str, selector: str = "") -> tuple[int, Object]:
        query = [("labelSelector", selector)] if selector else []
        method, url, headers, body, _ = self._client.param_serialize(
            "GET",
            path,
            query_params=query,
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            timeouts = (CONNECT_SECONDS, READ_SECONDS)
            answer = self._client.call_api(method, url, headers, body, _request_timeout=timeouts)
            data = answer.response.data
        except (client.ApiException, urllib3.exceptions.HTTPError) as error:
            raise ReadError(f"{path}: {error}") from error
        try:
            return answer.response.status, json.loads(data)
        except ValueError:
            return answer.response.status, {"message": data.decode(errors="replace")}


def _path(kind: str, namespace: str) -> str:
    plural = SHORT.get(kind, kind)
    return f"/{GROUPS[plural]}/namespaces/{namespace}/{plural}"
