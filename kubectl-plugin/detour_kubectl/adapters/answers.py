"""Translates what the client and the API answer into errors.py, once; each says what to do."""

import contextlib
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client

from detour_crds import names
from detour_kubectl.errors import (
    NotAllowedError,
    NotThereError,
    PluginError,
    RefusedError,
    UnreachableError,
)
from detour_kubectl.port import Kind

BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
BY_POLICY = "ValidatingAdmissionPolicy"
"""In the message of a refusal that has the same status and is no matter of permissions."""
LOG_IN = (
    "the kubeconfig's user is not known to the cluster, or the token has expired: log in again,"
    " or choose another context with --context"
)


@contextlib.contextmanager
def translated(kind: Kind, verb: str, namespace: str | None) -> Iterator[None]:
    """Raise an error of ours in place of the client's."""
    try:
        yield
    except client.ApiException as error:
        raise from_answer(error, kind, verb, namespace) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UnreachableError(
            f"the cluster cannot be reached: {_innermost(error)}",
            "is it up, and is it the right one? `kubectl cluster-info` asks the same server",
        ) from error
    except ValueError as error:
        raise UnreachableError(
            f"the cluster's answer cannot be read: {error}",
            "does the kubeconfig name a Kubernetes API server, and no proxy's login page?",
        ) from error


def from_answer(
    error: client.ApiException, kind: Kind, verb: str, namespace: str | None
) -> PluginError:
    """The error for an answer that is not a success."""
    status, told = error.status or 0, _status_object(error)
    message = str(told.get("message") or error.body or f"HTTP {status}")[:1000]
    where = f" in the namespace {namespace}" if namespace else ""
    if status == HTTPStatus.UNAUTHORIZED:
        return NotAllowedError(f"the cluster does not know who asks: {message}", LOG_IN)
    if status in BUSY or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "nothing was changed as far as is known: try again in a moment"
        return UnreachableError(f"the cluster does not answer (HTTP {status}): {message}", hint)
    if status == HTTPStatus.FORBIDDEN and BY_POLICY not in message:
        return _forbidden(kind, verb, where, message)
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(kind, message)
    if status == HTTPStatus.CONFLICT and told.get("reason") == "AlreadyExists":
        hint = "choose another name with --name; `kubectl detour list` shows those there are"
        return RefusedError(message, hint)
    if status == HTTPStatus.CONFLICT:
        return RefusedError(message, "somebody changed it at the same moment: look, and try again")
    return RefusedError(
        f"the API server refuses to {verb} the {kind.name}{where}: {message}",
        "the message names the field or the policy",
    )


def is_absent(error: client.ApiException) -> bool:
    """Whether an object does not exist; of a kind that is not served the answer has no name."""
    if error.status != HTTPStatus.NOT_FOUND:
        return False
    return bool((_status_object(error).get("details") or {}).get("name"))


def _forbidden(kind: Kind, verb: str, where: str, message: str) -> PluginError:
    group = f".{kind.group}" if kind.group else ""
    asked = f"kubectl auth can-i {verb} {kind.plural}{group}"
    hint = f"ask an administrator for it (`{asked}`); `kubectl detour doctor` lists what is needed"
    if kind.group == names.GROUP:
        hint += "; the chart adds Detour's rights to the roles view and edit"
    return NotAllowedError(f"you may not {verb} {kind.plural}{group}{where}: {message}", hint)


def _not_found(kind: Kind, message: str) -> PluginError:
    if kind.group == names.GROUP:
        hint = (
            "Detour is not installed there, or not of this version: `kubectl detour doctor`;"
            " README.md says how to install it. Is it the right cluster (--context)?"
        )
        return NotThereError(f"the cluster does not know the kind {kind.name}", hint)
    if kind.group.endswith("kubevirt.io"):
        hint = "KubeVirt is not installed there: is it the right cluster (--context)?"
        return NotThereError(f"the cluster does not know the kind {kind.name}", hint)
    return NotThereError(f"{kind.name}: {message}", "does the namespace exist?")


def _status_object(error: client.ApiException) -> dict[str, Any]:
    try:
        told = json.loads(error.body or "")
    except (TypeError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _innermost(error: BaseException) -> str:
    """The reason under urllib3's wrappers, which repeat the URL and their own names."""
    reason = getattr(error, "reason", None)
    return _innermost(reason) if isinstance(reason, BaseException) else str(error)
