"""The process virt-controller."""

import threading

from kubevirt.kube import in_cluster
from kubevirt.processes import begin

from .migration_worker import MigrationWorker
from .vm_worker import VmWorker
from .vmi_worker import VmiWorker
from .world import World, run_worker


def main() -> None:
    """Runs for ever."""
    begin()
    world = World(in_cluster())
    world.start()
    run_worker("vm", world.vm_queue, VmWorker(world).reconcile)
    run_worker("vmi", world.vmi_queue, VmiWorker(world).reconcile)
    run_worker("migration", world.migration_queue, MigrationWorker(world).reconcile)
    threading.Event().wait()


if __name__ == "__main__":
    main()
