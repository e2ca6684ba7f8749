"""Translates what the client and the API answer into errors.py, once."""

import contextlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client

from detour_crds import json_text
from detour_crds.refusals import did_not_apply
from detour_operator.errors import (
    AlreadyExists,
    Conflict,
    DetourError,
    Forbidden,
    Gone,
    NotServed,
    Refused,
    Unreachable,
)

# 401: a token that was just rotated, 408/429/5xx: the server is busy or going. None of them says
# anything about the object.
UNKNOWN_STATUSES = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
)


@contextlib.contextmanager
def translated(*, json_patch: bool = False) -> Iterator[None]:
    """Raise an error of ours in place of the client's."""
    try:
        yield
    except client.ApiException as error:
        raise from_answer(error.status or 0, error.body, json_patch=json_patch) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(f"the API cannot be reached: {error}") from error
    except ValueError as error:
        raise Unreachable(f"the API's answer cannot be read: {error}") from error


def from_answer(status: int, body: str | None, *, json_patch: bool) -> DetourError:
    """The error for an answer that is not a success."""
    told = _status_object(body)
    reason = str(told.get("reason") or "Unknown")
    message = str(told.get("message") or body or f"HTTP {status}")[:1000]
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if status in UNKNOWN_STATUSES or not refused:
        return Unreachable(f"HTTP {status}: {message}")
    if status == HTTPStatus.NOT_FOUND:
        return Gone(message) if _names_what_is_missing(told) else NotServed(message)
    if status == HTTPStatus.CONFLICT and reason == "AlreadyExists":
        return AlreadyExists(message)
    if status in (HTTPStatus.CONFLICT, HTTPStatus.GONE):
        return Conflict(message)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and json_patch and did_not_apply(told):
        return Conflict(message)
    kind = Forbidden if status == HTTPStatus.FORBIDDEN else Refused
    return kind(status, reason, message)


def _names_what_is_missing(told: dict[str, Any]) -> bool:
    """Whether an object is missing; of a kind that is not served no name is given."""
    return bool((told.get("details") or {}).get("name"))


def _status_object(body: str | None) -> dict[str, Any]:
    try:
        told = json_text.read(body or "")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
