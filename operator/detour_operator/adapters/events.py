"""Events: short news for people, beside the object they are about."""

import datetime
import hashlib
import logging
from typing import Any

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import EVENTS
from detour_operator.errors import AlreadyExists, DetourError

log = logging.getLogger(__name__)

COMPONENT = "detour-operator"
MESSAGE_LIMIT = 1024


def now() -> str:
    """The time as the API writes it, in whole seconds, UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """Writes core/v1 Events. An event that cannot be written is logged and never an error."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def emit(
        self, about: dict[str, Any], reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Tell about an object (as the API gave it); the same news at one time is told once."""
        body = _event(about, reason, message, warning=warning, at=now())
        try:
            self._api.create(EVENTS, body["metadata"]["namespace"], body)
        except AlreadyExists:
            return
        except DetourError as error:
            log.warning("Could not write the event %s (%s): %s", reason, message, error)


def _event(
    about: dict[str, Any], reason: str, message: str, *, warning: bool, at: str
) -> dict[str, Any]:
    meta = about["metadata"]
    news = hashlib.sha256(f"{meta['uid']} {reason} {message} {at}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name'][:200]}.{news}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "type": "Warning" if warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
