"""What triggers a pass, and the process around it."""

import http.client
import io
import json
import logging
import urllib.parse

import kopf
import pytest

from detour_crds import names
from detour_operator.handlers import health, lifecycle, logs, triggers, watches
from detour_operator.reconcile.queue import Key, Queue
from unit.operator.api_server import serving, status


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(watches, "PAUSE_SECONDS", 0.01)


class Keys(Queue):
    """Notes what is added."""

    def __init__(self):
        super().__init__()
        self.added = []

    def add(self, key, after=0.0):
        self.added.append(key)
        super().add(key, after)

    def tell(self, key, version):
        self.added.append((key, version))
        super().tell(key, version)


def test_kopf_watches_our_kinds_and_leaves_no_mark_on_them():
    registry = kopf.OperatorRegistry()
    triggers.register(registry, Queue())
    handlers = registry._watching.get_all_handlers()
    assert {handler.selector.any_name for handler in handlers} == {
        names.VOLUME_MIGRATIONS,
        names.ATTACHMENT_SWITCHES,
        names.VOLUME_MIGRATION_PLANS,
    }
    assert not registry._changing.get_all_handlers()
    assert not registry._spawning.get_all_handlers()
    chosen = lifecycle.settings()
    assert not chosen.posting.enabled
    assert chosen.scanning.disabled


@pytest.mark.parametrize(
    ("plural", "named"),
    [
        (names.VOLUME_MIGRATIONS, [(Key(triggers.MIGRATION, "ns", "a"), "7")]),
        (
            names.ATTACHMENT_SWITCHES,
            [(Key(triggers.SWITCH, "ns", "a"), "7"), Key(triggers.MIGRATION, "ns", "a")],
        ),
        (names.VOLUME_MIGRATION_PLANS, [(Key(triggers.PLAN, "ns", "a"), "7")]),
    ],
)
def test_a_change_names_its_object_and_decides_nothing(plural, named):
    registry, queue = kopf.OperatorRegistry(), Keys()
    triggers.register(registry, queue)
    (handler,) = [
        one for one in registry._watching.get_all_handlers() if one.selector.any_name == plural
    ]
    body = kopf.Body({"metadata": {"name": "a", "namespace": "ns", "resourceVersion": "7"}})
    handler.fn(meta=body.meta, body=body, anything=1)
    assert queue.added == named


def test_a_plan_hears_of_its_migrations_after_a_while():
    registry, queue = kopf.OperatorRegistry(), Keys()
    triggers.register(registry, queue)
    (handler,) = [
        one
        for one in registry._watching.get_all_handlers()
        if one.selector.any_name == names.VOLUME_MIGRATIONS
    ]
    metadata = {"name": "a", "namespace": "ns", "labels": {names.PLAN_LABEL: "all"}}
    body = kopf.Body({"metadata": metadata | {"resourceVersion": "7"}})
    handler.fn(meta=body.meta, body=body)
    assert queue.added == [
        (Key(triggers.MIGRATION, "ns", "a"), "7"),
        Key(triggers.PLAN, "ns", "all"),
    ]
    assert queue.take() == Key(triggers.MIGRATION, "ns", "a")
    assert queue._schedule.next_at() is not None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({names.MIGRATION_LABEL: "m"}, [Key(triggers.MIGRATION, "ns", "m")]),
        ({names.SWITCH_LABEL: "s"}, [Key(triggers.SWITCH, "ns", "s")]),
        ({"other": "x"}, []),
    ],
)
def test_a_pod_names_its_owner(labels, expected):
    assert list(watches.keys(labels, "ns")) == expected


def test_a_watch_asks_for_our_own_pods_only():
    queue = Keys()
    told = {"type": "ADDED", "object": {"metadata": {"namespace": "ns", "labels": {}}}}
    told["object"]["metadata"]["labels"][names.MIGRATION_LABEL] = "m"
    with serving(lambda _: (200, [json.dumps(told) + "\n"])) as server:
        watches.start(server.api(), queue)
        assert queue.take() == Key(triggers.MIGRATION, "ns", "m")
    queries = [urllib.parse.parse_qs(request.path.partition("?")[2]) for request in server.asked]
    assert all(query["labelSelector"] == [names.COMPONENT_LABEL] for query in queries)


def test_the_operator_waits_for_its_kinds():
    missing, there = status(404, "NotFound"), (200, {})
    answers = [missing, there, missing, there, there, missing, there, there, there]
    with serving(lambda _: answers.pop(0)) as server:
        watches.wait_for_kinds(server.api(), "ns")
    assert not answers


def test_the_liveness_endpoint():
    server = health.serve(0)
    try:
        asked = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        for path, code in (("/healthz", 200), ("/other", 404)):
            asked.request("GET", path)
            with asked.getresponse() as answer:
                assert answer.status == code
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_logs_name_their_object(root_logger, log_format):
    logs.set_up(log_format)
    (handler,) = root_logger.handlers
    said = handler.stream = io.StringIO()
    about = {"kind": "VolumeMigration", "namespace": "ns", "object": "m"}
    logging.getLogger("detour").info("Starting %s", "CreateJob", extra=about)
    line = said.getvalue().strip()
    if log_format == "json":
        told = json.loads(line)
        assert told["message"] == "Starting CreateJob"
        assert (told["level"], told["object"], told["namespace"]) == ("INFO", "m", "ns")
    else:
        assert "Starting CreateJob" in line
        assert line.endswith("kind=VolumeMigration namespace=ns object=m")
