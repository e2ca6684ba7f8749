"""Watches of our own pods and Jobs, chosen by the server by their labels."""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from detour_crds import names
from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    JOBS,
    PODS,
    VOLUME_MIGRATION_PLANS,
    VOLUME_MIGRATIONS,
    Resource,
)
from detour_operator.errors import DetourError
from detour_operator.handlers.triggers import MIGRATION, SWITCH
from detour_operator.reconcile.queue import Key, Queue

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0


def start(api: Api, queue: Queue) -> None:
    """Have the owner of each of our pods and Jobs reconciled when one changes."""
    for resource in (PODS, JOBS):
        thread = threading.Thread(
            target=_run, args=(api, queue, resource), name=f"watch-{resource.plural}", daemon=True
        )
        thread.start()


def wait_for_kinds(api: Api, namespace: str) -> None:
    """Wait until the API server knows all of our kinds.

    kopf, told to look for no other kinds, would never notice one that comes later.
    """
    pause = threading.Event()
    while True:
        try:
            for resource in (VOLUME_MIGRATIONS, ATTACHMENT_SWITCHES, VOLUME_MIGRATION_PLANS):
                api.list(resource, namespace)
        except DetourError as error:
            log.warning("Waiting for the CustomResourceDefinitions: %s", error)
            pause.wait(PAUSE_SECONDS)
        else:
            return


def keys(labels: Mapping[str, str], namespace: str) -> Iterable[Key]:
    """The objects that a pod or Job with these labels belongs to."""
    for label, kind in ((names.MIGRATION_LABEL, MIGRATION), (names.SWITCH_LABEL, SWITCH)):
        if labels.get(label):
            yield Key(kind, namespace, labels[label])


def _run(api: Api, queue: Queue, resource: Resource) -> None:
    # A watch that begins anew tells of all objects there are: nothing is missed between two.
    pause = threading.Event()
    while True:
        try:
            for event in api.watch(resource, label_selector=names.COMPONENT_LABEL):
                _on_event(event, queue)
        except DetourError as error:
            log.info("The watch of %s ended: %s", resource.plural, error)
        pause.wait(PAUSE_SECONDS)


def _on_event(event: Mapping[str, Any], queue: Queue) -> None:
    metadata = event.get("object", {}).get("metadata", {})
    for key in keys(metadata.get("labels") or {}, metadata.get("namespace", "")):
        queue.add(key)
