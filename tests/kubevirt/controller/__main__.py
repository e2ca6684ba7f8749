"""The process virt-controller."""

import logging
import threading

from kubevirt.kube import in_cluster

from .migration_worker import MigrationWorker
from .vm_worker import VmWorker
from .vmi_worker import VmiWorker
from .world import World, run_worker


def main() -> None:
    """Runs for ever."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    world = World(in_cluster())
    world.start()
    run_worker("vm", world.vm_queue, VmWorker(world).reconcile)
    run_worker("vmi", world.vmi_queue, VmiWorker(world).reconcile)
    run_worker("migration", world.migration_queue, MigrationWorker(world).reconcile)
    threading.Event().wait()


if __name__ == "__main__":
    main()
