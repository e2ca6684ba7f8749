"""One cluster for all tests; each test has a namespace of its own."""

import itertools
import os

import pytest

from harness import cluster as target
from harness.kube import Kube
from harness.machine import Machine
from harness.migration import Migration, manifest

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster():
    """The cluster that `make cluster-up` made ready."""
    return target.current()


@pytest.fixture(scope="session")
def kube(cluster) -> Kube:
    return cluster.kube


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
def migrate(kube, namespace):
    """Applies a VolumeMigration and returns it."""

    def apply(name, vm, destination, **spec) -> Migration:
        kube.apply(manifest(name, namespace, vm, destination, **spec))
        return Migration(kube, name, namespace)

    return apply
