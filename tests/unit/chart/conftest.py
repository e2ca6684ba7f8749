"""One API server, without policies, for all tests that need no more than the kinds of objects."""

import itertools

import pytest

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import CLAIMS
from kubevirt.crds import crds
from unit.chart import locked, server
from unit.chart.chart import of_kind
from unit.chart.samples import MADE

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def with_kinds():
    with server.running() as running:
        detour = of_kind("CustomResourceDefinition").values()
        locked.define(running, *detour, *crds(), *locked.optional_kinds())
        yield running


@pytest.fixture
def namespace(with_kinds):
    """A namespace of the test's own."""
    name = f"of-test-{next(_numbers)}"
    with_kinds.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def api(with_kinds):
    """The API as the operator asks it."""
    return Api(with_kinds.client())


@pytest.fixture
def make(api, namespace):
    def made(resource, **spec):
        body = MADE[resource]
        return api.create(resource, namespace, {**body, "spec": {**body["spec"], **spec}})

    return made


@pytest.fixture
def again(api, namespace, make):
    """Another object of the same name, as it was before."""

    def made(resource):
        api.delete(resource, namespace, "move")
        if resource is CLAIMS:  # no controller is here that would take its protection off
            api.merge_patch(resource, namespace, "move", {"metadata": {"finalizers": None}})
        return make(resource)

    return made


@pytest.fixture
def now(api, namespace):
    return lambda resource: api.get(resource, namespace, "move")
