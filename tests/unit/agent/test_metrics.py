"""What the node agent counts, and that the series of a switch go with its work."""

import threading
import urllib.request

import pytest

from detour_agent import settings
from detour_agent.errors import InvariantBroken, StepFailed, Unreachable
from detour_agent.loop import Worker
from detour_agent.metrics.families import REGISTRY
from detour_agent.metrics.switches import SWITCHES
from detour_crds.attachment_switch import Merge, Node, Order, OverlayFile, Stopped
from detour_metrics import server
from unit.agent.machine import Agent, Machine
from unit.agent.test_loop import wait_for

LABELS = {"switch": "ns/m"}


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture(autouse=True)
def nothing_at_work():
    SWITCHES._told.clear()
    yield
    SWITCHES._told.clear()


def passes(result):
    return value("detour_agent_passes_total", result=result)


def test_a_move_is_counted_by_passes_and_reports():
    done, written = passes("Done"), value("detour_agent_reports_total", result="Written")
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    assert passes("Done") > done
    there = value("detour_agent_reports_total", result="Written")
    assert there == written + len(agent.writes)
    assert value("detour_agent_switches") == 1
    labels = {"switch": f"{agent.switch.namespace}/{agent.switch.name}"}
    assert value("detour_agent_overlay_bytes", **labels) is not None


def failing(agent, monkeypatch, error):
    def fail(*_given, **_named):
        raise error

    monkeypatch.setattr("detour_agent.one_pass.carry_out", fail)
    agent.order(Order.OVERLAY)
    for _ in range(3):
        agent.once()


def test_failures_are_counted_by_reason(monkeypatch):
    failed = passes("Failed")
    before = value("detour_agent_step_failures_total", reason="MadeUp") or 0
    failing(Agent(Machine()), monkeypatch, StepFailed("MadeUp", "x"))
    risen = value("detour_agent_step_failures_total", reason="MadeUp") - before
    assert 0 < risen == passes("Failed") - failed


def test_a_stop_is_counted_and_told_of_by_its_reason(monkeypatch):
    stopped = passes("Stopped")
    failing(Agent(Machine()), monkeypatch, InvariantBroken("MadeUp", "x"))
    assert passes("Stopped") > stopped
    assert value("detour_agent_stopped_switches", reason="MadeUp") == 1


def test_a_report_that_was_not_written_is_counted_and_told_of_all_the_same():
    agent, lost = Agent(Machine()), value("detour_agent_reports_total", result="NotWritten")

    def away(_switch, _node):
        raise Unreachable("ApiUnreachable", "x")

    agent.patch_node = away
    agent.order(Order.OVERLAY)
    for _ in range(20):
        agent.once()
    assert value("detour_agent_reports_total", result="NotWritten") > lost
    assert value("detour_agent_switches") == 1


def test_overlay_and_job_are_told_of_as_far_as_they_are_known():
    SWITCHES.tell("u", "ns/m", Node(overlay=OverlayFile(bytes=5), merge=Merge(bytes_done=1)))
    assert value("detour_agent_overlay_bytes", **LABELS) == 5
    assert value("detour_agent_overlay_limit_bytes", **LABELS) is None
    assert value("detour_agent_job_done_bytes", **LABELS) == 1
    limited = OverlayFile(bytes=6, limit_bytes=10)
    SWITCHES.tell("u", "ns/m", Node(overlay=limited, merge=Merge(bytes_total=9)))
    assert value("detour_agent_overlay_limit_bytes", **LABELS) == 10
    assert value("detour_agent_job_total_bytes", **LABELS) == 9
    SWITCHES.tell("u", "ns/m", Node(stopped=Stopped(reason="ForeignChain")))
    assert value("detour_agent_overlay_bytes", **LABELS) is None
    assert value("detour_agent_stopped_switches", reason="ForeignChain") == 1


def test_two_of_one_name_are_one_series():
    for uid, count in (("old", 1), ("new", 2)):
        SWITCHES.tell(uid, "ns/m", Node(overlay=OverlayFile(bytes=count)))
    (family,) = [item for item in SWITCHES.collect() if item.name == "detour_agent_overlay_bytes"]
    assert [sample.value for sample in family.samples] == [2]
    assert value("detour_agent_switches") == 2


class Telling:
    """Passes that tell of an overlay, until nothing is left to do."""

    def __init__(self, delays):
        self.delays = list(delays)
        self.told = threading.Event()

    def run(self, switch):
        SWITCHES.tell(switch.uid, "ns/m", Node(overlay=OverlayFile(bytes=1)))
        self.told.set()
        delay = self.delays.pop(0)
        if isinstance(delay, Exception):
            raise delay
        return switch, delay


@pytest.mark.parametrize("leave", [False, True], ids=["its work has ended", "it was deleted"])
def test_the_series_of_a_switch_go_when_its_work_ends(leave):
    telling = Telling([30.0 if leave else None])
    worker = Worker(telling, lambda _switch: None)
    worker.give(Agent(Machine()).switch)
    assert telling.told.wait(30)
    if leave:
        worker.leave()
    wait_for(lambda: worker.rests)
    wait_for(lambda: value("detour_agent_switches") == 0)
    assert value("detour_agent_overlay_bytes", **LABELS) is None


def test_a_pass_that_fails_unexpectedly_is_counted(monkeypatch):
    monkeypatch.setattr("detour_agent.loop.LONGEST_BACK_OFF_SECONDS", 0.01)
    before = passes("Unexpected")
    worker = Worker(Telling([ZeroDivisionError(), None]), lambda _switch: None)
    worker.give(Agent(Machine()).switch)
    wait_for(lambda: worker.rests)
    assert passes("Unexpected") > before


@pytest.fixture(scope="module")
def port():
    listening = server.serve(REGISTRY, 0)
    yield listening.server_port
    listening.shutdown()
    listening.server_close()


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return answer.read().decode()


def test_prometheus_is_answered(port):
    found = scrape(port)
    assert 'detour_agent_passes_total{result="Done"}' in found
    assert "process_resident_memory_bytes" in found


@pytest.mark.parametrize("port", ["-1", "65536", "many", ""])
def test_a_port_that_makes_no_sense_is_refused(port):
    with pytest.raises(ValueError, match="DETOUR_METRICS_PORT"):
        settings.from_environment({"DETOUR_NODE_NAME": "n", "DETOUR_METRICS_PORT": port})


def test_without_a_port_nobody_listens():
    assert settings.from_environment({"DETOUR_NODE_NAME": "n"}).metrics_port == 0
