"""The operator's process: reads the settings, waits for the lease, and runs all reconcilers."""

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import detour_failpoints
from detour_metrics import server
from detour_operator import compute_side, plans, settings, storage_side
from detour_operator.adapters import client
from detour_operator.adapters.lease import Leadership
from detour_operator.handlers import health, lifecycle, logs, triggers, watches
from detour_operator.metrics.families import LEADING, REGISTRY
from detour_operator.reconcile.queue import Key, Queue
from detour_operator.reconcile.workers import Workers
from detour_operator.turns import Keeper

log = logging.getLogger("detour_operator")

WORKERS = 8
FINISH_SECONDS = 20.0
"""For passes under way when the process is asked to end; below the pod's grace period."""
WAIT_SECONDS = 1.0


def main() -> None:
    """Run until the process is asked to end."""
    chosen = settings.from_environment(os.environ)
    logs.set_up(chosen.log_format)
    detour_failpoints.watch(Path(chosen.fail_points) if chosen.fail_points else None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    health.serve(chosen.health_port)
    if chosen.metrics_port:
        server.serve(REGISTRY, chosen.metrics_port)
    api = client.connect()
    leadership = Leadership(api.client, chosen.namespace, chosen.pod_name, _lost)
    leadership.start()
    log.info("Waiting for the lease")
    while not leadership.wait(WAIT_SECONDS):
        pass
    log.info("Holding the lease: reconciling")
    LEADING.set(1)
    _lead(api, chosen)
    LEADING.set(0)
    leadership.release()
    log.info("Gave the lease up")


def _lead(api: client.Api, chosen: settings.Settings) -> None:
    queue = Queue()
    turns = Keeper(
        api,
        chosen.in_flight,
        wake=lambda namespace, name: queue.add(Key(triggers.MIGRATION, namespace, name)),
        watch=lambda: queue.add(Key(triggers.TURNS, "", "")),
    )
    workers = Workers(
        queue,
        {
            triggers.TURNS: turns,
            triggers.MIGRATION: storage_side.reconciler(api, chosen, turns),
            triggers.SWITCH: compute_side.reconciler(api, chosen),
            triggers.PLAN: plans.reconciler(api),
            triggers.HOLDERS: compute_side.LeftHolders(api),
        },
    )
    watches.wait_for_kinds(api, chosen.namespace)
    workers.start(WORKERS)
    watches.start(api, queue)
    triggers.begin(queue)
    lifecycle.run(queue)
    if not workers.stop(FINISH_SECONDS):
        log.warning("A pass was still under way; the next operator looks again")


def _end(number: int, _frame: FrameType | None) -> None:
    """The standby, which has nothing to finish, ends at once."""
    log.info("Ending on signal %d", number)
    sys.exit(0)


def _lost() -> None:
    """Another operator may reconcile by now: not even a pass under way is finished."""
    log.critical("The lease could not be renewed in time: the process ends")
    logging.shutdown()
    os._exit(1)


if __name__ == "__main__":
    main()
