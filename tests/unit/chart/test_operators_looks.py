"""What the operator reads of a real API server, and how it leads."""

import pytest
from kubernetes.leaderelection.leaderelectionrecord import LeaderElectionRecord

from cluster.process import wait_until
from detour_crds.names import COMPONENT_LABEL
from detour_operator.adapters import api_servers, claims, client, jobs, lease, pods, switches
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES, EVENTS, NAMESPACES, PODS
from detour_operator.errors import Unreachable
from unit.chart import locked, rights

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first


def test_a_list_of_several_pages_is_whole(api, namespace, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 2)
    names = [f"move-{number}" for number in range(5)]
    for name in names:
        api.create(ATTACHMENT_SWITCHES, namespace, rights.switch(name=name))
    found = [item.meta.name for item in switches.in_namespace(api, namespace)]
    assert found == names


def test_a_watch_tells_of_what_is_there_and_of_what_comes_until_it_ends(
    api, namespace, monkeypatch
):
    monkeypatch.setattr(client, "WATCH_SECONDS", 1)
    for name, labels in (("ours", {COMPONENT_LABEL: "copier"}), ("theirs", {})):
        pod = locked.pod(name, "c")
        api.create(PODS, namespace, pod | {"metadata": {"name": name, "labels": labels}})
    watch = api.watch(PODS, namespace=namespace, label_selector=COMPONENT_LABEL)
    first = next(watch)
    api.delete(PODS, namespace, "ours")
    events = [first, *watch]
    assert (first["type"], events[-1]["type"]) == ("ADDED", "DELETED")
    assert {event["object"]["metadata"]["name"] for event in events} == {"ours"}


def test_a_watch_from_too_long_ago_says_so_and_ends(api):
    (event,) = api.watch(ATTACHMENT_SWITCHES, resource_version="1")
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == 410


def test_events_and_pods_are_chosen_by_their_fields(with_kinds, api, namespace):
    for number, (kind, reason) in enumerate(
        (("Warning", "FailedMount"), ("Normal", "Pulled"), ("Warning", "ProvisioningFailed"))
    ):
        about = {"kind": "Pod", "namespace": namespace, "uid": "1"}
        event = {"metadata": {"name": f"e{number}"}, "involvedObject": about, "type": kind}
        at = {"lastTimestamp": f"2026-01-01T00:00:0{number}Z"}
        api.create(EVENTS, namespace, {**event, **at, "reason": reason, "message": "m"})
    assert jobs.last_trouble(api, namespace, "1") == "ProvisioningFailed: m"
    assert jobs.last_trouble(api, namespace, "2") is None
    assert claims.why_not_provisioned(api, namespace, "1") == "m"
    for name, phase in (("ended", "Succeeded"), ("failed", "Failed"), ("new", None)):
        api.create(PODS, namespace, locked.pod(name, "c", "virt-launcher"))
        if phase:
            api.merge_patch(
                PODS, namespace, name, {"status": {"phase": phase}}, subresource="status"
            )
    ended = [pod["metadata"]["name"] for pod in pods.launchers_that_ended(api)]
    assert ended == ["ended"]


def test_the_api_servers_are_counted_and_found_and_asked_by_their_name(api):
    servers = api_servers.ApiServers(api)
    wait_until(lambda: servers.find().addressed, "the server's endpoint", 60)
    found = servers.find()
    assert (len(found.addressed), found.number, found.hidden) == (1, 1, False)
    with servers.by_new_connection() as server:
        assert server.get(NAMESPACES, None, "default")
    here = api.client.configuration.host
    named = api_servers._at(api, here, api_servers.SERVER_NAME)
    assert named.get(NAMESPACES, None, "default")
    unnamed = api_servers._at(api, here, "elsewhere.example")
    with pytest.raises(Unreachable):
        unnamed.get(NAMESPACES, None, "default")


def candidate(with_kinds, namespace, name):
    return lease._Lock(with_kinds.client(), namespace, name)


def record(lock):
    at = "2026-01-01 00:00:00.000001"
    return LeaderElectionRecord(lock.identity, str(lease.LEASE_SECONDS), at, at)


def write(lock, verb):
    """As the client's election does."""
    return getattr(lock, verb)(lease.NAME, lock.namespace, record(lock))


def test_of_two_that_want_the_lease_one_has_it(with_kinds, api, namespace):
    first, second = (candidate(with_kinds, namespace, name) for name in ("first", "second"))
    there, error = second.get(lease.NAME, namespace)
    assert (there, error.status) == (False, 404)
    assert [write(lock, "create") for lock in (first, second)] == [True, False]
    for lock in (first, second):
        there, found = lock.get(lease.NAME, namespace)
        assert (there, found.holder_identity) == (True, "first")
    assert [write(lock, "update") for lock in (second, first)] == [True, False]
    assert lease.seen(api, namespace).holder == "second"
    first.release()
    assert lease.seen(api, namespace).holder == "second"
    second.release()
    assert lease.seen(api, namespace).holder == ""
    assert write(second, "update") is False
    assert first.get(lease.NAME, namespace)[1].holder_identity is None
