"""The port on the Kubernetes client, against a server that answers as the API does."""

import json

import pytest
from kubernetes import client

from detour_kubectl.adapters import kubernetes_cluster
from detour_kubectl.adapters.kubernetes_cluster import KubernetesCluster
from detour_kubectl.errors import (
    NotAllowedError,
    NotThereError,
    RefusedError,
    UnreachableError,
)
from detour_kubectl.port import CLAIMS, EVENTS, MACHINES, MIGRATIONS, PODS
from unit.operator.api_server import serving, status

WHERE = "/apis/detour.dev/v1alpha1/namespaces/vms/volumemigrations"
NO_SUCH_KIND = (404, "404 page not found\n")


@pytest.fixture
def asked():
    """Has the server answer so, and gives the cluster and what it was asked."""
    running = []

    def serve(*answers):
        left = list(answers)
        context = serving(lambda _request: left.pop(0) if len(left) > 1 else left[0])
        server = context.__enter__()
        running.append(context)
        return KubernetesCluster(client.ApiClient(server.configuration())), server.asked

    yield serve
    for context in running:
        context.__exit__(None, None, None)


def test_an_object_is_read_by_its_path(asked):
    cluster, requests = asked((200, {"metadata": {"name": "m"}}))
    assert cluster.get(MIGRATIONS, "vms", "m") == {"metadata": {"name": "m"}}
    assert (requests[0].method, requests[0].path) == ("GET", f"{WHERE}/m")


def test_an_object_that_is_not_there_is_none(asked):
    absent = status(404, "NotFound", 'volumemigrations.detour.dev "m" not found', name="m")
    cluster, _ = asked(absent)
    assert cluster.get(MIGRATIONS, "vms", "m") is None
    assert cluster.patch(MIGRATIONS, "vms", "m", {"spec": {"cancel": True}}) is None
    assert cluster.delete(MIGRATIONS, "vms", "m") is None
    assert cluster.log("vms", "m", lines=1) == ""


@pytest.mark.parametrize(
    ("kind", "words"), [(MIGRATIONS, "Detour is not installed"), (MACHINES, "KubeVirt is not")]
)
def test_a_kind_that_is_not_there_is_no_object_that_is_not_there(asked, kind, words):
    cluster, _ = asked(NO_SUCH_KIND)
    for ask in (lambda: cluster.get(kind, "vms", "m"), lambda: cluster.list(kind, "vms")):
        with pytest.raises(NotThereError) as caught:
            ask()
        assert kind.name in caught.value.message
        assert words in caught.value.hint


def test_a_list_is_read_page_by_page_with_its_selectors(asked):
    cluster, requests = asked(
        (200, {"items": [{"n": 1}], "metadata": {"continue": "more"}}),
        (200, {"items": [{"n": 2}], "metadata": {}}),
    )
    assert cluster.list(PODS, None, labels="a=b", fields="c=d") == [{"n": 1}, {"n": 2}]
    first, second = (request.path for request in requests)
    assert first == "/api/v1/pods?labelSelector=a%3Db&fieldSelector=c%3Dd&limit=500"
    assert "continue=more" in second
    assert "labelSelector=a%3Db" in second


def test_a_patch_is_a_merge_patch(asked):
    cluster, requests = asked((200, {}))
    cluster.patch(MIGRATIONS, "vms", "m", {"spec": {"cancel": True}})
    assert requests[0].method == "PATCH"
    assert requests[0].headers["Content-Type"] == "application/merge-patch+json"
    assert requests[0].body == {"spec": {"cancel": True}}


def test_creating_posts_the_object(asked):
    cluster, requests = asked((201, {"metadata": {"name": "m"}}))
    cluster.create(MIGRATIONS, "vms", {"spec": {}})
    assert (requests[0].method, requests[0].path, requests[0].body) == (
        "POST",
        WHERE,
        {"spec": {}},
    )


def test_a_log_is_text(asked):
    cluster, requests = asked((200, "one\ntwo\n"))
    assert cluster.log("vms", "pod", lines=7) == "one\ntwo\n"
    assert requests[0].path == "/api/v1/namespaces/vms/pods/pod/log?tailLines=7"


def test_kinds_and_version_are_discovered(asked):
    cluster, _ = asked((200, {"resources": [{"name": "volumemigrations"}]}))
    assert cluster.kinds("detour.dev", "v1alpha1") == {"volumemigrations"}
    cluster, _ = asked(NO_SUCH_KIND)
    assert cluster.kinds("detour.dev", "v1alpha1") == frozenset()
    cluster, _ = asked((200, {"gitVersion": "v1.36.0"}))
    assert cluster.version() == "v1.36.0"


@pytest.mark.parametrize(
    ("answer", "error", "message", "hint"),
    [
        (
            status(403, "Forbidden", "User x cannot create"),
            NotAllowedError,
            "you may not create volumemigrations.detour.dev in the namespace vms",
            "kubectl auth can-i create volumemigrations.detour.dev",
        ),
        (
            status(403, "Forbidden", "ValidatingAdmissionPolicy 'p' denied request: because"),
            RefusedError,
            "denied request: because",
            "the policy",
        ),
        (status(401, "Unauthorized", "Unauthorized"), NotAllowedError, "who asks", "log in again"),
        (status(409, "AlreadyExists", "m already exists"), RefusedError, "m already", "--name"),
        (status(409, "Conflict", "was modified"), RefusedError, "was modified", "try again"),
        (
            status(422, "Invalid", "spec.volume: Invalid value"),
            RefusedError,
            "spec.volume: Invalid value",
            "names the field",
        ),
        (status(503, "ServiceUnavailable"), UnreachableError, "HTTP 503", "try again"),
        (status(429, "TooManyRequests"), UnreachableError, "HTTP 429", "try again"),
        ((200, "<html>"), UnreachableError, "cannot be read", "login page"),
    ],
)
def test_each_refusal_says_what_to_do(asked, answer, error, message, hint):
    cluster, _ = asked(answer)
    with pytest.raises(error) as caught:
        cluster.create(MIGRATIONS, "vms", {})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_server_that_is_not_there_is_unreachable():
    settings = client.Configuration()
    settings.host, settings.retries = "http://127.0.0.1:1", 0
    with pytest.raises(UnreachableError) as caught:
        KubernetesCluster(client.ApiClient(settings)).list(EVENTS, "vms")
    assert "refused" in caught.value.message
    assert "urllib3" not in caught.value.message


def test_objects_outside_of_namespaces_and_of_all_have_no_namespace():
    assert kubernetes_cluster.path(CLAIMS, None) == "/api/v1/persistentvolumeclaims"
    assert kubernetes_cluster.path(CLAIMS, "a", "b") == (
        "/api/v1/namespaces/a/persistentvolumeclaims/b"
    )


class TestKubeconfig:
    @pytest.fixture
    def kubeconfig(self, tmp_path):
        contexts = [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "vms"}},
            {"name": "two", "context": {"cluster": "c", "user": "u"}},
        ]
        path = tmp_path / "config"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "one",
                    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                    "users": [{"name": "u", "user": {"token": "x"}}],
                    "contexts": contexts,
                }
            )
        )
        return path

    def test_the_namespace_is_the_contexts(self, kubeconfig):
        assert kubernetes_cluster.connect(str(kubeconfig), None, version="1")[1] == "vms"
        assert kubernetes_cluster.connect(str(kubeconfig), "two", version="1")[1] == "default"

    def test_what_is_not_there_is_told(self, kubeconfig, tmp_path):
        broken = tmp_path / "broken"
        broken.write_text("{: ]")
        for path, context in ((kubeconfig, "none"), (tmp_path / "no", None), (broken, None)):
            with pytest.raises(UnreachableError) as caught:
                kubernetes_cluster.connect(str(path), context, version="1")
            assert "--kubeconfig" in caught.value.hint
