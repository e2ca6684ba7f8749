"""How kopf is set up: a watcher and nothing else.

It puts no annotation and no finalizer on any object, posts no events, and looks for no other
kinds.
"""

import logging
from typing import Any, Final

import kopf

from detour_operator.handlers import triggers
from detour_operator.reconcile.queue import Queue

IDENTITY: Final[Any] = "detour"
"""kopf would look up the user's name, which a container's numeric user has not."""


def run(queue: Queue) -> None:
    """Watch until the process is asked to end (SIGTERM, SIGINT)."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_via_client)
    triggers.register(registry, queue)
    kopf.run(
        registry=registry,
        settings=settings(),
        identity=IDENTITY,
        standalone=True,
        clusterwide=True,
    )


def settings() -> kopf.OperatorSettings:
    """The settings of kopf."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    return chosen
