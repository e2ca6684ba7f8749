"""``explain``: the reasons of the docs, and the evidence that may be seen."""

import json

import pytest

from detour_crds.conditions import MigrationCondition
from detour_kubectl.domain import reasons
from detour_kubectl.domain.migrations import Outcome
from detour_kubectl.domain.verdicts import ONLY_WHILE_STOPPED
from detour_kubectl.port import EVENTS, MIGRATIONS, PODS, SWITCHES
from unit.kubectl_plugin import objects, reasons_page


def row(section, reason):
    return next(
        entry for entry in reasons.entries() if (entry.section, entry.reason) == (section, reason)
    )


class TestReasons:
    def test_the_data_are_what_the_page_says(self):
        drawn = reasons_page.data(reasons_page.PAGE.read_text())
        assert reasons_page.DATA.read_text() == drawn, "`make reasons` takes them anew"

    def test_each_table_of_the_page_is_there(self):
        assert {entry.section for entry in reasons.entries()} == set(reasons.Section)

    def test_each_place_is_a_heading_of_the_page(self):
        page = reasons_page.PAGE.read_text()
        headings = {
            reasons_page.anchor_of(line.removeprefix("## "))
            for line in page.splitlines()
            if line.startswith("## ")
        }
        for entry in reasons.entries():
            where, anchor = entry.where.split("#")
            assert (reasons_page.ROOT / where) == reasons_page.PAGE
            assert anchor in headings

    def test_a_reason_stands_once_in_a_table(self):
        found = [(entry.section, entry.reason) for entry in reasons.entries()]
        assert len(found) == len(set(found))

    def test_refusals_that_end_by_themselves_are_those_the_page_has_people_wait_for(self):
        waits = {
            entry.reason
            for entry in reasons.entries()
            if entry.next_step == "wait; Detour looks again"
        }
        assert waits == reasons.TRANSIENT

    def test_what_only_a_stopped_machine_allows_is_a_refusal_of_the_page(self):
        refusals = {
            entry.reason for entry in reasons.entries() if entry.section is reasons.Section.REFUSED
        }
        assert refusals >= ONLY_WHILE_STOPPED
        assert not ONLY_WHILE_STOPPED & reasons.TRANSIENT

    @pytest.mark.parametrize(
        ("reason", "kind", "outcome", "section"),
        [
            ("DestinationFailed", "Ready", Outcome.STALLED, "STALLED"),
            ("DestinationFailed", "Ready", Outcome.FAILED, "ENDED"),
            ("ClaimsDiffer", "Ready", Outcome.REFUSED, "REFUSED"),
            ("ClaimsDiffer", "Accepted", Outcome.RUNNING, "REFUSED"),
            ("DestinationInUse", "Copied", Outcome.FAILED, "COPIED"),
            ("Verifying", "Copied", Outcome.RUNNING, "WAITING"),
            ("GuestStopped", "Ready", Outcome.RUNNING, "WAITING"),
            ("GuestStopped", "Ready", Outcome.FAILED, "ENDED"),
            ("RestartRequired", "SourceDeleted", Outcome.SUCCEEDED, "AFTER"),
            ("StatusRefused", "Ready", Outcome.STALLED, "STALLED"),
            ("SourceNamedAgain", "Ready", Outcome.SUCCEEDED, "STALLED"),
        ],
    )
    def test_a_reason_means_what_its_own_table_says(self, reason, kind, outcome, section):
        found = reasons.find(reason, MigrationCondition(kind), outcome)
        assert found.section is reasons.Section[section]

    def test_a_reason_that_the_page_does_not_have_has_no_meaning(self):
        assert reasons.find("Copying", MigrationCondition.READY, Outcome.RUNNING) is None


def test_a_refusal_is_explained_in_the_words_of_the_page(cluster, run):
    cluster.add(MIGRATIONS, objects.refused("move", "LauncherTooOld", "its libvirt is 9.0"))
    done = run("explain", "move")
    assert done.exit_code == 0
    entry = row(reasons.Section.REFUSED, "LauncherTooOld")
    assert "LauncherTooOld (Ready)" in done.stdout
    assert "its libvirt is 9.0" in done.stdout
    assert f"means: {entry.meaning}" in done.stdout
    assert f"Next step: {entry.next_step}" in done.stdout
    assert "docs/when-things-go-wrong.md#refused-nothing-was-changed" in done.stdout


def test_how_far_it_is_stands_above_the_reasons(cluster, run):
    cluster.add(MIGRATIONS, objects.copying("move"))
    second = run("explain", "move").stdout.splitlines()[1]
    assert "copy  25%  64 MiB of 256 MiB" in second
    assert "overlay 12 MiB of 5.0 GiB (0%)" in second


def test_a_failed_copy_is_explained_twice_over(cluster, run):
    cluster.add(MIGRATIONS, objects.failed("move"))
    told = run("explain", "move").stdout
    assert f"means: {row(reasons.Section.ENDED, 'CopyFailed').meaning}" in told
    assert f"means: {row(reasons.Section.COPIED, 'NoSpaceLeft').meaning}" in told


def test_a_stop_has_the_answers_it_takes(cluster, run):
    cluster.add(MIGRATIONS, objects.asking("move"))
    cluster.add(SWITCHES, objects.switch("move", position="Destination"))
    told = run("explain", "move").stdout
    step = row(reasons.Section.STALLED, "NodeLost").next_step
    command = "kubectl detour trust move Source|Destination -n vms"
    assert f"Next step: {step}; to answer: {command}\n" in told


def test_where_the_switch_may_not_be_seen_the_command_has_no_image(cluster, run):
    cluster.add(MIGRATIONS, objects.asking("move"))
    cluster.forbidden = {("get", "attachmentswitches")}
    assert "; to answer: kubectl detour trust move IMAGE -n vms\n" in run("explain", "move").stdout


@pytest.mark.parametrize("item", [objects.stalled("move"), objects.copying("move")])
def test_where_nothing_is_asked_no_answer_is_the_next_step(cluster, run, item):
    cluster.add(MIGRATIONS, item)
    cluster.add(SWITCHES, objects.switch("move"))
    assert "kubectl detour trust" not in run("explain", "move").stdout


def test_a_stop_to_which_no_image_is_an_answer_now_has_no_command(cluster, run):
    cluster.add(MIGRATIONS, objects.asking("move", "ChainAgainstRecord"))
    cluster.add(SWITCHES, objects.switch("move", node={"top": "Unknown"}))
    assert "kubectl detour trust" not in run("explain", "move").stdout


@pytest.mark.parametrize(
    ("item", "step"),
    [
        (objects.copying, "nothing: Detour goes on by itself"),
        (objects.holding, "kubectl detour continue move -n vms"),
        (objects.succeeded, "the source claim web-data is stale, and yours to delete"),
        (objects.cancelled, "the disk is on its source claim"),
    ],
)
def test_the_next_step_where_nothing_went_wrong(cluster, run, item, step):
    cluster.add(MIGRATIONS, item("move"))
    assert step in run("explain", "move").stdout


def test_a_throttled_guest_is_told_of_while_it_is_copied(cluster, run):
    item = objects.copying("move")
    for condition in item["status"]["conditions"]:
        if condition["type"] == "SourceFrozen":
            condition |= {"status": "True", "reason": "OverlayThrottled", "message": "slowed"}
    cluster.add(MIGRATIONS, item)
    told = run("explain", "move").stdout
    assert "OverlayThrottled (SourceFrozen)" in told
    assert row(reasons.Section.WAITING, "OverlayThrottled").meaning in told


def test_what_detour_has_not_looked_at_yet(cluster, run):
    item = objects.migration("move")
    del item["status"]
    cluster.add(MIGRATIONS, item)
    told = run("explain", "move").stdout
    assert "is its operator running? `kubectl detour doctor`" in told
    assert "Next step: kubectl detour doctor" in told


class TestEvidence:
    @pytest.fixture(autouse=True)
    def there(self, cluster):
        cluster.add(MIGRATIONS, objects.copying("move"))
        cluster.add(
            EVENTS,
            objects.event("Copied", "the destination is a copy", at="10:00:21"),
            objects.event("SourceFrozen", "writes go to the overlay", at="10:00:03"),
            objects.event("Started", "a VM of that name", kind="VirtualMachine"),
            objects.event("Refused", "another one", name="other"),
        )
        of_copier = {"detour.dev/migration": "move", "detour.dev/component": "copier"}
        cluster.add(
            PODS,
            objects.pod("operator-1", "operator"),
            objects.pod("agent-1", "node-agent", node="node-1"),
            objects.pod("agent-2", "node-agent", node="node-2"),
            objects.pod("copier-1", "copier", namespace="vms", labels=of_copier),
        )
        cluster.logs = {
            "operator-1": "\n".join(
                json.dumps({"time": f"2026-01-01 10:00:0{second},000", "level": "INFO", **line})
                for second, line in enumerate(
                    [
                        {"message": "Starting CreateJob", "namespace": "vms", "object": "move"},
                        {"message": "of another", "namespace": "vms", "object": "other"},
                        {"message": "elsewhere", "namespace": "x", "object": "move"},
                    ]
                )
            ),
            "agent-1": "2026-01-01 10:00:02,500 INFO writes diverted switch=vms/move row=L5\n"
            "2026-01-01 10:00:03,500 INFO another disk switch=vms/other",
            "agent-2": "2026-01-01 10:00:04,500 INFO of another node switch=vms/move",
            "copier-1": '{"bytesDone": 1}',
        }

    def test_events_of_the_move_are_told_in_order(self, run):
        told = run("explain", "move").stdout
        assert told.index("SourceFrozen: writes go") < told.index("Copied: the destination")
        assert "a VM of that name" not in told
        assert "another one" not in told

    def test_log_lines_of_the_move_are_told(self, run):
        told = run("explain", "move").stdout
        assert "operator: Starting CreateJob" in told
        assert "node-agent on node-1: writes diverted switch=vms/move row=L5" in told
        assert 'copier: {"bytesDone": 1}' in told
        for other in ("of another", "elsewhere", "another disk", "of another node"):
            assert other not in told

    def test_what_may_not_be_seen_is_said_and_the_rest_is_told(self, cluster, run):
        cluster.forbidden = {("get", "pods/log"), ("list", "events")}
        done = run("explain", "move")
        assert done.exit_code == 0
        assert "Not looked at: you may not get pods/log" in done.stdout
        assert "Not looked at: you may not list events" in done.stdout
        assert "Next step:" in done.stdout

    def test_programs_get_the_same(self, run):
        told = json.loads(run("explain", "move", "-o", "json").stdout)
        assert told["outcome"] == "Running"
        assert [event["reason"] for event in told["events"]] == ["SourceFrozen", "Copied"]
        assert len(told["log"]) == 3
        assert told["notLookedAt"] == []
