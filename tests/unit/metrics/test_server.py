"""The port that Prometheus asks, asked well and badly."""

import contextlib
import socket
import struct
import threading
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from detour_metrics import server


@pytest.fixture(scope="module")
def port():
    registry = CollectorRegistry()
    Counter("asked", "Of no consequence.", registry=registry).inc(3)
    listening = server.serve(registry, 0)
    yield listening.server_port
    listening.shutdown()
    listening.server_close()


def scrape(port, path="metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("path", ["metrics", "", "../../etc/passwd"])
def test_the_answer_is_the_registry_s_whatever_the_path(port, path):
    assert "\nasked_total 3.0\n" in scrape(port, path)


def test_who_says_nothing_keeps_others_waiting_for_a_moment_only(port, monkeypatch):
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    threads = threading.active_count()
    with contextlib.ExitStack() as open_ones:
        for _ in range(3):
            silent = socket.create_connection(("127.0.0.1", port))
            open_ones.enter_context(contextlib.closing(silent))
        assert "asked_total" in scrape(port)
        assert threading.active_count() <= threads


def test_a_connection_that_breaks_off_is_a_line_in_the_logs(port, caplog):
    caplog.set_level("INFO")
    with socket.create_connection(("127.0.0.1", port)) as hasty:
        reset = struct.pack("ii", 1, 0)
        hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        hasty.sendall(b"GET /metrics HTTP/1.0\r\n")
    assert "asked_total" in scrape(port)
    assert ["broke off" in record.getMessage() for record in caplog.records] == [True]
