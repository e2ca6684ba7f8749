"""The node agent: ``python -m detour_agent``."""

import logging
import os
import signal
import sys
import threading

import detour_failpoints
from detour_agent import guarding, logs
from detour_agent.adapters.clock import MonotonicClock
from detour_agent.adapters.files import make_folder
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.journal_files import FOLDER_MODE, JournalFiles
from detour_agent.adapters.kept_records import KeptRecords
from detour_agent.adapters.launchers import Launchers
from detour_agent.adapters.libvirt_domain import start_event_loop
from detour_agent.adapters.mounts import NodeMounts
from detour_agent.adapters.node_lock import take_lock
from detour_agent.adapters.offline_images import OfflineImages
from detour_agent.adapters.places import Places
from detour_agent.adapters.processes import NodeProcesses
from detour_agent.adapters.switches import Switches, connect
from detour_agent.collecting import Collector
from detour_agent.domain.ports import Ports
from detour_agent.loop import Loop
from detour_agent.metrics.families import REGISTRY
from detour_agent.one_pass import Passes
from detour_agent.settings import Settings, from_environment
from detour_agent.steps.context import Switch
from detour_metrics import server

log = logging.getLogger("detour_agent")


def main() -> int:
    """Run until the process is told to end."""
    try:
        settings = from_environment(os.environ)
    except ValueError as error:
        print(f"detour_agent: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up yet
        return 2
    logs.set_up(settings.log_format)
    detour_failpoints.watch(settings.fail_points)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: _end(stopped))
    make_folder(settings.state_dir, FOLDER_MODE)
    lock = take_lock(settings.state_dir / "agent.lock")
    start_event_loop()
    if settings.metrics_port:
        server.serve(REGISTRY, settings.metrics_port)
    log.info("started", extra={"node": settings.node_name})
    agent(settings).run(stopped)
    os.close(lock)
    return 0


def agent(settings: Settings) -> Loop:
    """Put the agent together; all state is read by the passes, after the lock was taken."""
    places = Places(settings.state_dir)
    overlays = OverlayFiles(
        settings.state_dir, keep_free_percent=settings.keep_free_percent, places=places
    )
    launchers = Launchers()
    journal, clock = JournalFiles(settings.state_dir, places), MonotonicClock()
    ports = guarding.ports(
        Ports(
            journal=journal,
            images=overlays,
            offline=OfflineImages(overlays),
            mounts=NodeMounts(overlays),
            processes=NodeProcesses(),
            clock=clock,
            connect=launchers.connect,
        )
    )
    switches = Switches(settings.node_name, connect())
    reports = guarding.guarded(switches, "reports")
    records = guarding.guarded(KeptRecords(settings.state_dir, journal), "records")

    def forget(switch: Switch) -> None:
        launchers.forget(switch.compute.domain or "", switch.volume)
        places.settle(switch.uid, None)

    collector = Collector(records, switches, clock)
    return Loop(switches, lambda: Passes(ports, reports), forget, collector.collect)


def _end(stopped: threading.Event) -> None:
    """End now: every effect is safe to be cut off, and a call that hangs would hold it up."""
    stopped.set()
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
