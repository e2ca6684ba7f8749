"""What the node agent asks of the API, asked of a real API server."""

import kubernetes
import pytest

from cluster.process import wait_until
from detour_agent.adapters import switches
from detour_agent.adapters.switches import Switches, read_switch
from detour_agent.errors import NotYet, StepFailed
from detour_crds.attachment_switch import Identity, LastError, Node, Order
from unit.chart import locked, webhook

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

PATH = f"{locked.api('here', 'detour.dev/v1alpha1')}/attachmentswitches"
ALL = "/apis/detour.dev/v1alpha1/attachmentswitches"
TOKEN = "11112222-1"  # noqa: S105
OVERLAY = Node(token=TOKEN, reached=Order.OVERLAY)


@pytest.fixture(scope="module")
def asked(with_kinds):
    with_kinds.do("POST", "/api/v1/namespaces", {"metadata": {"name": "here"}})
    for name, node in (("mine", "node-1"), ("other", "node-2")):
        made(with_kinds, name, node)
    return with_kinds


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
    everywhere = {item["metadata"]["uid"] for item in asked.do("GET", ALL)["items"]}
    assert len(everywhere) >= 2
    assert agent.everywhere() == everywhere


def test_a_watch_from_too_long_ago_begins_anew(agent):
    with pytest.raises(NotYet, match="ListAgain"):
        list(agent.watch("1"))


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


def test_a_report_that_a_webhook_refuses_is_refused(asked, agent, tmp_path):
    """It need name no cause, as the server itself does not where a patch's own test fails."""
    switch = read_switch(made(asked, "denied", "node-3"))
    status = {"code": 422, "reason": "Invalid", "message": "not on Fridays"}
    with webhook.refusing(asked, tmp_path, "here", status):

        def told():
            try:
                agent.patch_node(switch, OVERLAY)
            except (NotYet, StepFailed) as error:
                return str(error)

        wait_until(told, "the webhook", 60)
        assert "StatusRefused" in told()
        assert "not on Fridays" in told()
