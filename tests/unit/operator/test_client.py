"""The API client against a real HTTP server: what is sent, and what each answer means."""

import socket

import pytest
from kubernetes import client

from detour_operator import errors
from detour_operator.adapters.client import Api, Impersonation
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES, PODS, STORAGE_CLASSES
from unit.operator.api_server import serving, status

TEST = [{"op": "test", "path": "/metadata/uid", "value": "x"}]


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (401, "Unauthorized", errors.Unreachable),
        (408, "Timeout", errors.Unreachable),
        (429, "TooManyRequests", errors.Unreachable),
        (500, "InternalError", errors.Unreachable),
        (503, "ServiceUnavailable", errors.Unreachable),
        (504, "Timeout", errors.Unreachable),
        (404, "NotFound", errors.Gone),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Conflict),
        (403, "Forbidden", errors.Forbidden),
        (422, "Invalid", errors.Refused),
        (400, "BadRequest", errors.Refused),
    ],
)
def test_what_an_answer_means(code, reason, error):
    with serving(lambda _: status(code, reason)) as server, pytest.raises(error) as raised:
        server.api().create(PODS, "ns", {})
    assert type(raised.value) is error


def test_a_refusal_keeps_what_the_api_said():
    told = "ValidatingAdmissionPolicy 'lock' denied request: locked"
    with (
        serving(lambda _: status(422, "Invalid", told)) as server,
        pytest.raises(errors.Refused) as raised,
    ):
        server.api().create(PODS, "ns", {})
    error = raised.value
    assert (error.status, error.reason, error.message) == (422, "Invalid", told)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        pytest.param({}, errors.Conflict, id="a test failed"),
        pytest.param(
            {"message": 'admission webhook "a.example" denied the request: no'},
            errors.Refused,
            id="a webhook",
        ),
        pytest.param(
            {"details": {"causes": [{"reason": "FieldValueInvalid", "field": "spec.position"}]}},
            errors.Refused,
            id="validation",
        ),
    ],
)
def test_a_json_patch_that_does_not_apply_is_not_a_refusal(told, error):
    code, answer = status(422, "Invalid")
    with (
        serving(lambda _: (code, answer | told)) as server,
        pytest.raises(error) as raised,
    ):
        server.api().json_patch(PODS, "ns", "name", TEST)
    assert type(raised.value) is error


def test_absent_is_none():
    with serving(lambda _: status(404, "NotFound")) as server:
        api = server.api()
        assert api.get(PODS, "ns", "name") is None
        assert api.text(PODS, "ns", "name", "log", {}) is None
        api.delete(PODS, "ns", "name")


NOT_THE_APIS = [(200, "<html>not JSON"), (200, "[1]"), (302, "elsewhere"), (404, "not found")]


@pytest.mark.parametrize("answer", NOT_THE_APIS)
def test_an_answer_that_is_not_the_apis_is_unknown(answer):
    with serving(lambda _: answer) as server, pytest.raises(errors.Unreachable):
        server.api().get(PODS, "ns", "name")


def test_an_api_that_is_away_is_unknown_not_absent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        chosen = client.Configuration()
        chosen.host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        chosen.retries = 1
        api = Api(client.ApiClient(chosen))
        with pytest.raises(errors.Unreachable):
            api.get(PODS, "ns", "name")
        with pytest.raises(errors.Unreachable):
            api.list(PODS, None)


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda api: api.get(PODS, "ns", "a"), "GET", "/api/v1/namespaces/ns/pods/a"),
        (
            lambda api: api.get(STORAGE_CLASSES, None, "a"),
            "GET",
            "/apis/storage.k8s.io/v1/storageclasses/a",
        ),
        (
            lambda api: api.merge_patch(ATTACHMENT_SWITCHES, "ns", "a", {}, subresource="status"),
            "PATCH",
            "/apis/detour.dev/v1alpha1/namespaces/ns/attachmentswitches/a/status",
        ),
        (
            lambda api: api.create(PODS, "ns", {}, dry_run=True),
            "POST",
            "/api/v1/namespaces/ns/pods?dryRun=All",
        ),
        (
            lambda api: api.list(PODS, None, label_selector="a=b,c"),
            "GET",
            "/api/v1/pods?labelSelector=a%3Db%2Cc&limit=500",
        ),
        (
            lambda api: api.text(PODS, "ns", "a", "log", {"tailLines": "3"}),
            "GET",
            "/api/v1/namespaces/ns/pods/a/log?tailLines=3",
        ),
    ],
)
def test_where_a_request_goes(call, method, path):
    with serving(lambda _: (200, {})) as server:
        call(server.api())
    assert [(request.method, request.path) for request in server.asked] == [(method, path)]


def test_a_list_is_read_to_its_last_page():
    pages = [
        {"items": [{"page": 1}], "metadata": {"continue": "more"}},
        {"items": [{"page": 2}], "metadata": {"continue": "still more"}},
        {"items": [{"page": 3}], "metadata": {}},
    ]
    with serving(lambda _: (200, pages.pop(0))) as server:
        found = server.api().list(PODS, "ns", label_selector="a=b")
    assert found == [{"page": 1}, {"page": 2}, {"page": 3}]
    assert [request.path.count("continue=") for request in server.asked] == [0, 1, 1]
    assert all("labelSelector=a%3Db" in request.path for request in server.asked)


def test_a_merge_patch_with_the_version_it_follows_from():
    with serving(lambda _: (200, {})) as server:
        server.api().merge_patch(PODS, "ns", "a", {"status": {"x": None}}, resource_version="7")
    (request,) = server.asked
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert request.body == {"status": {"x": None}, "metadata": {"resourceVersion": "7"}}


def test_a_json_patch_is_sent_as_one():
    with serving(lambda _: (200, {})) as server:
        server.api().json_patch(PODS, "ns", "a", TEST)
    (request,) = server.asked
    assert request.headers["Content-Type"] == "application/json-patch+json"
    assert request.body == TEST


def test_a_request_in_another_name():
    name = Impersonation(user="system:serviceaccount:kubevirt:x", groups=("one", "two"))
    with serving(lambda _: (200, {})) as server:
        api = server.api()
        api.json_patch(PODS, "ns", "a", TEST, impersonate=name)
        api.json_patch(PODS, "ns", "a", TEST)
    first, second = server.asked
    assert first.headers["Impersonate-User"] == name.user
    assert first.headers.get_all("Impersonate-Group") == ["one", "two"]
    assert second.headers["Impersonate-User"] is None


def test_a_delete_means_one_object():
    with serving(lambda _: (200, {})) as server:
        server.api().delete(PODS, "ns", "a", uid="u", grace_seconds=0)
    (request,) = server.asked
    assert request.body["preconditions"] == {"uid": "u"}
    assert request.body["gracePeriodSeconds"] == 0
    assert request.body["propagationPolicy"] == "Background"


def test_a_watch_gives_each_event_however_the_answer_is_cut():
    parts = ['{"type":"ADDED","obj', 'ect":{"a":1}}\n{"type":', '"DELETED","object":{}}\n']
    with serving(lambda _: (200, parts)) as server:
        events = list(server.api().watch(PODS, label_selector="x"))
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]
    assert "watch=true" in server.asked[0].path


def test_a_refused_watch_is_an_error():
    with (
        serving(lambda _: status(403, "Forbidden")) as server,
        pytest.raises(errors.Forbidden),
    ):
        list(server.api().watch(PODS))
