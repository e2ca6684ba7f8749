"""The rights that ``helm test`` has are enough: on a real API server that enforces roles."""

import datetime
from http import HTTPStatus

import pytest

from cluster.process import wait_until
from detour_operator import installed
from detour_operator.adapters import lease
from detour_operator.adapters.client import Api
from detour_operator.errors import Forbidden
from unit.chart import server
from unit.chart.chart import NAMESPACE, of_kind

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:detour-test"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
DETOUR = "/apis/detour.dev/v1alpha1"
KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def asked():
    with server.running("RBAC") as running:
        running.do("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        running.do("POST", f"{RBAC}/roles", of_kind("Role")["detour-test"])
        running.do("POST", f"{RBAC}/rolebindings", of_kind("RoleBinding")["detour-test"])
        spec = {"holderIdentity": "pod-1", "leaseDurationSeconds": 15, "renewTime": now()}
        running.do("POST", LEASES, {"metadata": {"name": lease.NAME}, "spec": spec})
        wait_until(lambda: _may_list(running), "the role reaches the server that enforces it", 60)
        yield running


def _may_list(running):
    path = f"{DETOUR}/namespaces/{NAMESPACE}/volumemigrations"
    return running.ask("GET", path, user=ACCOUNT)[0] != HTTPStatus.FORBIDDEN


@pytest.fixture
def api(asked):
    """The API as the pod of ``helm test`` has it."""
    client = asked.client()
    client.default_headers["Impersonate-User"] = ACCOUNT
    return Api(client)


def now():
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def test_it_says_what_is_missing_and_then_that_detour_works(asked, api):
    def renewed(_):
        asked.do("PATCH", f"{LEASES}/{lease.NAME}", {"spec": {"renewTime": now()}})

    told = installed.complaint(api, NAMESPACE, renewed)
    assert told.startswith("The kind volumemigrations.detour.dev is not installed")
    for definition in of_kind("CustomResourceDefinition").values():
        asked.do("POST", KINDS, definition)
    for plural in ("volumemigrations", "attachmentswitches", "volumemigrationplans"):
        path = f"{DETOUR}/{plural}"
        wait_until(lambda path=path: asked.ask("GET", path)[0] == 200, path, 60)
    assert installed.complaint(api, NAMESPACE, renewed) == ""
    assert "No operator leads" in installed.complaint(api, NAMESPACE, lambda _: None)


def test_it_may_ask_nothing_of_another_namespace(api):
    with pytest.raises(Forbidden):
        installed.complaint(api, "default", lambda _: None)
