"""One API server, without policies, for all tests that need no more than the kinds of objects."""

import itertools

import pytest

from detour_operator.adapters.client import Api
from kubevirt.crds import crds
from unit.chart import locked, server
from unit.chart.chart import of_kind

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
