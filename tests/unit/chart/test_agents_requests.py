"""What the node agent asks of the API, asked of a real API server."""

import kubernetes
import pytest

from detour_agent.adapters import switches
from detour_agent.adapters.switches import Switches, read_switch
from detour_agent.errors import NotYet, StepFailed
from detour_crds.attachment_switch import Identity, LastError, Node, Order
from unit.chart import locked, server
from unit.chart.chart import of_kind

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

PATH = f"{locked.api('here', 'detour.dev/v1alpha1')}/attachmentswitches"
TOKEN = "11112222-1"  # noqa: S105
OVERLAY = Node(token=TOKEN, reached=Order.OVERLAY)


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        locked.define(running, *of_kind("CustomResourceDefinition").values())
        running.do("POST", "/api/v1/namespaces", {"metadata": {"name": "here"}})
        for name, node in (("mine", "node-1"), ("other", "node-2")):
            made(running, name, node)
        yield running


def made(running, name, node):
    item = locked.switch([])
    item["metadata"] = {"name": name}
    running.do("POST", PATH, item)
    status = {"status": {"compute": {"token": TOKEN, "node": node}}}
    return running.do("PATCH", f"{PATH}/{name}/status", status)


@pytest.fixture
def agent(asked, monkeypatch):
    monkeypatch.setattr(switches, "WATCH_SECONDS", 2)
    return Switches("node-1", kubernetes.client.CustomObjectsApi(asked.client()))


def node_of(asked, name):
    return asked.do("GET", f"{PATH}/{name}")["status"].get("node")


def test_a_report_is_written_and_watched_and_those_of_other_nodes_are_not(asked, agent):
    items, version = agent.list()
    assert [item["metadata"]["name"] for item in items] == ["mine"]
    agent.patch_node(read_switch(items[0]), OVERLAY)
    asked.do("PATCH", f"{PATH}/other/status", {"status": {"node": {"token": TOKEN}}})
    events = [event for event in agent.watch(version) if event[0] != "BOOKMARK"]
    assert [kind for kind, _ in events] == ["MODIFIED"]
    assert read_switch(events[0][1]).node == OVERLAY
    assert events[0][1]["status"]["compute"] == items[0]["status"]["compute"]
    assert len(agent.everywhere()) == 2


def test_what_is_not_said_any_more_is_gone(asked, agent):
    switch = read_switch(made(asked, "changing", "node-3"))
    error = LastError(reason="Late", message="x")
    agent.patch_node(switch, Node(token=TOKEN, reached=Order.OVERLAY, last_error=error))
    agent.patch_node(switch, OVERLAY)
    assert node_of(asked, "changing") == {"token": TOKEN, "reached": "Overlay"}


def test_a_report_that_is_late_is_not_another_objects_of_that_name(asked, agent):
    switch = read_switch(made(asked, "again", "node-3"))
    asked.do("DELETE", f"{PATH}/again")
    with pytest.raises(NotYet, match="SwitchReplaced: 404"):
        agent.patch_node(switch, OVERLAY)
    made(asked, "again", "node-3")
    with pytest.raises(NotYet, match="SwitchReplaced: 422"):
        agent.patch_node(switch, OVERLAY)
    assert node_of(asked, "again") is None


def test_a_report_that_is_no_status_is_refused(asked, agent):
    switch = read_switch(made(asked, "refusing", "node-3"))
    wrong = Node(token=TOKEN, source=Identity(device=1, inode=1 << 63))
    with pytest.raises(StepFailed, match=r"StatusRefused: .*inode"):
        agent.patch_node(switch, wrong)
