"""How kopf is set up: a watcher and nothing else.

It puts no annotation and no finalizer on any object, posts no events, and looks for no other
kinds.
"""

import logging

import kopf

from detour_operator.handlers import triggers
from detour_operator.reconcile.queue import Queue


def run(queue: Queue) -> None:
    """Watch until the process is asked to end (SIGTERM, SIGINT)."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_via_client)
    triggers.register(registry, queue)
    kopf.run(registry=registry, settings=settings(), standalone=True, clusterwide=True)


def settings() -> kopf.OperatorSettings:
    """The settings of kopf."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    return chosen
