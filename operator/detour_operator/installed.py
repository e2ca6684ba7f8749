"""Whether Detour works where it was installed: the chart's ``helm test`` asks."""

import os
import sys
import time
from collections.abc import Callable

from detour_operator.adapters import client, lease
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    VOLUME_MIGRATION_PLANS,
    VOLUME_MIGRATIONS,
)
from detour_operator.errors import DetourError, Gone

PAUSE_SECONDS = 2.0
LOOKS = 60
"""Enough for an operator to start, and for the lease of one that was lost to expire."""


def complaint(api: client.Api, namespace: str, pause: Callable[[float], None] = time.sleep) -> str:
    """What is wrong; empty if all kinds answer and an operator leads.

    Args:
        api: the API.
        namespace: where Detour is installed.
        pause: waits so many seconds.
    """
    for kind in (VOLUME_MIGRATIONS, ATTACHMENT_SWITCHES, VOLUME_MIGRATION_PLANS):
        try:
            api.list(kind, namespace)
        except Gone:
            return (
                f"The kind {kind.plural}.{kind.group} is not installed. Apply the chart's custom"
                " resource definitions: helm show crds CHART | kubectl apply --server-side"
                " --force-conflicts -f -"
            )
    return "" if _leads(api, namespace, pause) else _nobody(namespace)


def _leads(api: client.Api, namespace: str, pause: Callable[[float], None]) -> bool:
    """Whether the lease is seen to be renewed: clocks of nodes are not compared."""
    first = lease.seen(api, namespace)
    for _ in range(LOOKS):
        pause(PAUSE_SECONDS)
        now = lease.seen(api, namespace)
        if now is not None and now.holder and now != first:
            return True
    return False


def _nobody(namespace: str) -> str:
    return (
        f"No operator leads: nobody has renewed the Lease {lease.NAME} for"
        f" {LOOKS * PAUSE_SECONDS:g} s. See what its pods say: kubectl logs --namespace"
        f" {namespace} --selector app.kubernetes.io/component=operator"
    )


def main() -> int:
    """0 if Detour works; else 1, and on standard output what is wrong."""
    try:
        wrong = complaint(client.connect(), os.environ["DETOUR_NAMESPACE"])
    except DetourError as error:
        wrong = f"It is not known whether Detour works: {error}"
    sys.stdout.write(f"{wrong or 'All kinds answer, and an operator leads.'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
