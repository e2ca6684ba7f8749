"""The agent's view of the API, over HTTP: what it asks for and how it takes the answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import kubernetes
import pytest

from detour_agent.adapters.switches import Switches, read_switch
from detour_agent.errors import NotYet, StepFailed, Unreachable
from detour_crds.attachment_switch import Node, Order, Stage

SWITCH = {
    "metadata": {"namespace": "ns", "name": "m", "uid": "u", "resourceVersion": "7"},
    "spec": {"virtualMachine": {"name": "vm"}, "volume": "root"},
    "status": {
        "compute": {"token": "u-1", "order": "Overlay", "launcherPod": {"uid": "p"}},
        "node": {"token": "u-1", "stage": "overlay"},
    },
}
OVERLAY = Node(token="u-1", reached=Order.OVERLAY)  # noqa: S106
TOO_OLD = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}


class Api(ThreadingHTTPServer):
    """Answers from a list, and remembers the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, list[dict]]] = []
        self.requests: list[tuple[str, str, dict, dict, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Api

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        parts = urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        self.server.requests.append((self.command, parts.path, parse_qs(parts.query), body, kind))
        status, lines = self.server.answers.pop(0)
        content = "\n".join(json.dumps(line) for line in lines).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def switches(api: Api) -> Iterator[Switches]:
    settings = kubernetes.client.Configuration()
    settings.host = f"http://127.0.0.1:{api.server_port}"
    settings.retries = False
    with kubernetes.client.ApiClient(settings) as client:
        yield Switches("node-1", kubernetes.client.CustomObjectsApi(client))


def test_list_asks_for_this_node_only(api: Api, switches: Switches):
    api.answers.append((200, [{"items": [SWITCH], "metadata": {"resourceVersion": "9"}}]))
    assert switches.list() == ([SWITCH], "9")
    _, path, query, _, _ = api.requests[0]
    assert path == "/apis/detour.dev/v1alpha1/attachmentswitches"
    assert query["fieldSelector"] == ["status.compute.node=node-1"]


def test_all_switches_are_asked_for_as_they_are_stored(api: Api, switches: Switches):
    api.answers.append((200, [{"items": [SWITCH], "metadata": {"resourceVersion": "9"}}]))
    assert switches.everywhere() == {"u"}
    _, path, query, _, _ = api.requests[0]
    assert path == "/apis/detour.dev/v1alpha1/attachmentswitches"
    assert query == {}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"items": [], "metadata": {"resourceVersion": "9", "continue": "more"}}),
        (404, {"kind": "Status", "code": 404}),
        (500, {"kind": "Status", "code": 500}),
    ],
)
def test_an_incomplete_answer_is_none(api: Api, switches: Switches, status: int, answer: dict):
    api.answers.append((status, [answer]))
    with pytest.raises(Unreachable):
        switches.everywhere()


def test_watch_goes_on_from_a_version(api: Api, switches: Switches):
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "11"}}}
    api.answers.append((200, [{"type": "MODIFIED", "object": SWITCH}, bookmark]))
    events = switches.watch("9")
    assert next(events) == ("MODIFIED", SWITCH)
    query = api.requests[0][2]
    assert query["resourceVersion"] == ["9"]
    assert query["fieldSelector"] == ["status.compute.node=node-1"]
    assert [kind for kind, _ in events] in ([], ["BOOKMARK"])


def test_a_watch_that_is_too_old_asks_for_a_list(api: Api, switches: Switches):
    api.answers += [(200, [{"type": "ERROR", "object": TOO_OLD}])] * 2
    with pytest.raises(NotYet, match="ListAgain"):
        list(switches.watch("1"))


def test_patch_changes_the_node_part_of_the_status_alone(api: Api, switches: Switches):
    api.answers.append((200, [SWITCH]))
    switches.patch_node(read_switch(SWITCH), OVERLAY)
    method, path, _, body, kind = api.requests[0]
    assert method == "PATCH"
    assert path == "/apis/detour.dev/v1alpha1/namespaces/ns/attachmentswitches/m/status"
    assert kind == "application/json-patch+json"
    assert body == [
        {"op": "test", "path": "/metadata/uid", "value": "u"},
        {"op": "add", "path": "/status/node", "value": {"token": "u-1", "reached": "Overlay"}},
    ]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotYet), (409, NotYet), (422, NotYet), (500, Unreachable)]
)
def test_patch_that_is_refused(api: Api, switches: Switches, status: int, kind: type[Exception]):
    api.answers.append((status, [{"kind": "Status", "code": status}]))
    with pytest.raises(kind):
        switches.patch_node(read_switch(SWITCH), OVERLAY)


@pytest.mark.parametrize("said", ["status.node.source.inode: Invalid value", ""])
def test_a_patch_that_is_no_status_says_what_the_server_says(api: Api, switches: Switches, said):
    causes = {"causes": [{"field": "status.node.source.inode"}]}
    told = {"kind": "Status", "code": 422, "message": said, "details": causes}
    api.answers.append((422, [told]))
    with pytest.raises(StepFailed, match=f"StatusRefused: {said or '422'}"):
        switches.patch_node(read_switch(SWITCH), OVERLAY)


def test_an_api_that_is_away_is_unreachable(api: Api, switches: Switches):
    api.shutdown()
    api.server_close()
    with pytest.raises(Unreachable, match="ApiUnreachable"):
        switches.list()
    with pytest.raises(Unreachable, match="ApiUnreachable"):
        list(switches.watch("1"))


def test_switch_as_the_agent_reads_it():
    switch = read_switch(SWITCH)
    assert switch.compute.order is Order.OVERLAY
    assert switch.node.stage is Stage.OVERLAY
    assert switch.canonical == "/var/run/kubevirt-private/vmi-disks/root/disk.img"
    assert switch.overlay_folder == "/var/run/kubevirt-private/detour-u"
