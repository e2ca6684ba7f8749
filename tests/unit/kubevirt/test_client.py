"""The small client and the queue of keys."""

import json

import pytest
import yaml

from kubevirt import kube
from kubevirt.cache import Queue

KEY = ("demo", "vm1")


def test_paths():
    assert kube.path("Pod", "demo") == "api/v1/namespaces/demo/pods"
    assert kube.path("VirtualMachine", None) == "apis/kubevirt.io/v1/virtualmachines"


def test_an_error_is_told_in_json_or_in_plain_text():
    assert kube._message(json.dumps({"message": "no"}).encode()) == "no"
    assert kube._message(b"404 page not found\n") == "404 page not found"


def test_a_kubeconfigs_current_context_is_used(tmp_path):
    entry = {"name": "b", "context": {"cluster": "c", "user": "u"}}
    file = tmp_path / "config"
    file.write_text(
        yaml.safe_dump(
            {
                "current-context": "b",
                "contexts": [{"name": "a", "context": {}}, entry],
                "clusters": [{"name": "c", "cluster": {"server": "https://api.example:6443"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    found = kube.from_kubeconfig(str(file))
    assert (found.host, found.port, found.token) == ("api.example", 6443, "t")


def test_a_key_is_taken_once():
    queue = Queue()
    queue.add(KEY)
    queue.add(KEY)
    assert queue.take() == KEY
    assert queue._due == {}


@pytest.mark.parametrize(("failures", "delay"), [(1, 0.005), (3, 0.02), (30, 1000.0)])
def test_a_key_that_failed_waits_longer_each_time(failures, delay, monkeypatch):
    monkeypatch.setattr("kubevirt.cache.time.monotonic", lambda: 100.0)
    queue = Queue()
    for _ in range(failures):
        queue._due.clear()
        queue.failed(KEY)
    assert queue._due[KEY] == pytest.approx(100.0 + delay)


def test_an_event_makes_a_waiting_key_due_at_once():
    queue = Queue()
    queue.add(KEY, 3600)
    queue.add(KEY)
    assert queue.take() == KEY


def test_a_success_forgets_the_failures():
    queue = Queue()
    queue.failed(KEY)
    queue.succeeded(KEY)
    assert queue._failures == {}
