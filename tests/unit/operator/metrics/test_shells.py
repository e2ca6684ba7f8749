"""That the operator's shells count, and that Prometheus is answered."""

import socket
import urllib.request

import pytest

from detour_metrics import server
from detour_operator import errors
from detour_operator.adapters.resources import PODS
from detour_operator.metrics.families import LEADING, REGISTRY
from detour_operator.metrics.objects import OBJECTS
from detour_operator.reconcile.queue import Key, Queue
from detour_operator.reconcile.workers import Next, Workers
from unit.operator.api_server import Server, serving, status


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


class Side:
    def __init__(self, result):
        self.result = result

    def reconcile(self, _namespace, _name):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (Next(None), "Done"),
        (errors.NotYet(1.0), "NotYet"),
        (errors.Gone("x"), "Gone"),
        (errors.Unreachable("x"), "Unreachable"),
        (errors.InvariantBroken("R", "x"), "InvariantBroken"),
        (KeyError("a bug"), "Unexpected"),
    ],
)
def test_a_pass_is_counted_by_how_it_ended(given, result):
    workers = Workers(Queue(), {"Counted": Side(given)})
    labels = {"kind": "Counted", "result": result}
    before = value("detour_operator_passes_total", **labels)
    assert before is not None, "each series begins at 0"
    timed = value("detour_operator_pass_duration_seconds_count", kind="Counted")
    workers.one_pass(Key("Counted", "ns", "name"))
    assert value("detour_operator_passes_total", **labels) == before + 1
    assert value("detour_operator_pass_duration_seconds_count", kind="Counted") == timed + 1


def requests(method, code):
    return value("detour_operator_api_requests_total", method=method, code=str(code)) or 0


def test_requests_are_counted_by_what_was_answered():
    """By answers that no thread which another test has left can get."""
    before = requests("GET", 418), requests("POST", 507), requests("DELETE", 0)
    with serving(lambda asked: status(418 if asked.method == "GET" else 507, "Why")) as there:
        api = there.api()
        with pytest.raises(errors.Refused):
            api.get(PODS, "ns", "p")
        with pytest.raises(errors.Unreachable):
            api.create(PODS, "ns", {})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        with pytest.raises(errors.Unreachable):
            Server(status, port=silent.getsockname()[1]).api().delete(PODS, "ns", "p")
    after = requests("GET", 418), requests("POST", 507), requests("DELETE", 0)
    assert after == tuple(count + 1 for count in before)


@pytest.fixture(scope="module")
def port():
    listening = server.serve(REGISTRY, 0)
    yield listening.server_port
    listening.shutdown()
    listening.server_close()


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return answer.read().decode()


def test_prometheus_is_answered_with_what_is_known(port):
    LEADING.set(1)
    found = scrape(port)
    LEADING.set(0)
    assert "detour_operator_leading 1.0\n" in found
    assert 'detour_operator_migrations{phase="Copying"}' in found
    assert "process_resident_memory_bytes" in found
    assert "_created" not in found


def test_the_objects_are_registered():
    assert OBJECTS in REGISTRY._collector_to_names
