"""One cluster for all tests; each test has a namespace of its own."""

import itertools
import os
from collections.abc import Iterator

import pytest

from cluster.provider import UnsupportedError
from harness import cluster as target
from harness.accident import Accident
from harness.block import BlockVolumes
from harness.facts import Facts
from harness.kube import Kube
from harness.machine import Machine
from harness.migration import Migration, manifest
from harness.provisioned import ProvisionedVolumes

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster():
    """The cluster that `make cluster-up` made ready."""
    return target.current()


@pytest.fixture(scope="session")
def kube(cluster) -> Kube:
    return cluster.kube


@pytest.fixture
def devices(cluster):
    """Makes volumes of mode Block over devices of nodes, which fail on demand.

    Ask for it before what uses them, whose end comes first.
    """
    if not (cluster.provider.classes.block and cluster.provider.classes.ours):
        pytest.skip("needs nodes on which tests make block devices, which fail on demand")
    yield from _devices(cluster)


@pytest.fixture
def blocks(cluster):
    """Makes volumes of mode Block, or lets a driver do so; ask for it as for `devices`."""
    if cluster.provider.classes.block is None:
        pytest.skip("needs storage classes for volumes of mode Block (BLOCK_CLASSES)")
    if cluster.provider.classes.ours:
        yield from _devices(cluster)
    else:
        yield ProvisionedVolumes(cluster)


def _devices(cluster):
    made = BlockVolumes(cluster, f"e2e-{os.getpid()}-{next(_numbers)}")
    made.make_classes()
    yield made
    if not os.environ.get("KEEP"):
        made.remove()


@pytest.fixture
def csi(cluster) -> tuple[str, str]:
    """Two classes of one CSI driver with snapshots and clones; they may be the same."""
    found = cluster.provider.classes.csi
    if found is None:
        pytest.skip("needs a CSI driver with snapshots and clones (CSI_CLASSES, SNAPSHOT_CLASS)")
    return found


@pytest.fixture
def csi_block(cluster, csi):
    """The same where their volumes may be of mode Block."""
    if not cluster.provider.classes.csi_block:
        pytest.skip(
            "needs volumes of mode Block of the CSI driver: BLOCK_CLASSES with CSI_CLASSES"
        )
    return csi


@pytest.fixture
def own_driver(cluster):
    """No test where the CSI driver is not the one in tests/storage/csi."""
    if not (cluster.provider.classes.csi and cluster.provider.classes.ours):
        pytest.skip(
            "needs the CSI driver of tests/storage/csi, which fails on demand and whose volumes"
            " have file systems of their own"
        )


@pytest.fixture
def namespace(kube, request):
    """A fresh namespace; kept after a failure when KEEP=1, to look at."""
    name = f"e2e-{os.getpid()}-{next(_numbers)}"
    kube.run("create", "namespace", name)
    yield name
    if not os.environ.get("KEEP"):
        target.remove_namespace(kube, name)


@pytest.fixture
def machines(kube, namespace):
    """Makes VMs whose guests' logs are followed until the end of the test."""
    made = []

    def make(name="vm") -> Machine:
        made.append(Machine(kube, namespace, name))
        return made[-1]

    yield make
    for machine in made:
        machine.log.stop()


@pytest.fixture
def facts(kube, cluster, machines) -> Facts:
    """A small VM that writes, and that Detour has nothing to do with."""
    return _facts(kube, cluster, machines())


@pytest.fixture(scope="module")
def standing(kube, cluster) -> Iterator[Facts]:
    """The same, for all tests of a module that leave it as it was: it takes long to boot."""
    name = f"e2e-{os.getpid()}-{next(_numbers)}"
    kube.run("create", "namespace", name)
    machine = Machine(kube, name, "vm")
    yield _facts(kube, cluster, machine)
    machine.log.stop()
    if not os.environ.get("KEEP"):
        target.remove_namespace(kube, name)


def _facts(kube, cluster, machine):
    machine.create(cluster.source_class, "64Mi")
    machine.wait_until_running()
    machine.wait_for_writes(20)
    return Facts(kube, machine)


@pytest.fixture
def on_node(cluster):
    """Runs a command on a node itself, and says what it printed."""

    def run(node, *command, timeout=120):
        try:
            return cluster.provider.node_exec(node, command, timeout=timeout).stdout
        except UnsupportedError as error:
            pytest.skip(f"needs to act on a node itself: {error}")

    return run


@pytest.fixture
def migrate(kube, namespace):
    """Applies a VolumeMigration and returns it."""

    def apply(name, vm, destination, **spec) -> Migration:
        kube.apply(manifest(name, namespace, vm, destination, **spec))
        return Migration(kube, name, namespace)

    return apply


@pytest.fixture
def accident(cluster, machines, migrate, on_node) -> Accident:
    """A guest on the overlay of a move that waits, on whose node things can be changed."""
    machine = machines()
    machine.create(cluster.source_class, "256Mi")
    machine.wait_until_running()
    machine.wait_for_writes()
    begun = Accident(cluster, machine, migrate, on_node)
    begun.wait_for_the_copy()
    return begun


@pytest.fixture
def held(cluster, machines, migrate):
    """Makes a VM and a migration of its disk that waits after the copy; both."""

    def make(**options) -> tuple[Machine, Migration]:
        machine = machines()
        chosen = options.pop("destination_class", None)
        machine.create(options.pop("storage_class", cluster.source_class), "128Mi", **options)
        machine.wait_until_running()
        machine.wait_for_writes()
        template = {"storageClassName": chosen or cluster.destination_class}
        destination = {"claimTemplate": template}
        migration = migrate("held", machine.name, destination, hold=True)
        migration.wait_for_condition("Copied")
        return machine, migration

    return make
