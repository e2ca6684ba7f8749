"""Passes of a plan against a small API over HTTP."""

import pytest

from detour_crds import names
from detour_operator import plans
from detour_operator.errors import Conflict
from unit.operator.api_server import serving
from unit.operator.plans.cluster import CLAIMS, MACHINES, MIGRATIONS, PLAN, Cluster


@pytest.fixture
def cluster():
    answer = Cluster()
    answer.machine("web", "data", "root", node="n1")
    answer.machine("db", "data")
    with serving(answer) as server:
        answer.plans = plans.reconciler(server.api())
        answer.look = lambda: answer.plans.reconcile("ns", "all")
        yield answer


def test_one_disk_of_each_machine_begins_and_then_the_next(cluster):
    cluster.look()
    assert len(cluster.made) == 2
    first = cluster.migrations()
    assert {item["spec"]["virtualMachine"]["name"] for item in first.values()} == {"web", "db"}
    for item in first.values():
        assert item["metadata"]["labels"] == {names.PLAN_LABEL: "all"}
        (owner,) = item["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == (
            "VolumeMigrationPlan",
            "plan-uid",
            True,
        )
    cluster.get_on()
    cluster.look()
    assert len(cluster.made) == 3
    cluster.get_on()
    assert cluster.look().after is None
    told = cluster.told()
    assert told["phase"] == "Succeeded"
    assert (told["counts"]["total"], told["counts"]["succeeded"]) == (3, 3)
    assert told["bytes"] == {"total": 3 << 30, "done": 3 << 30}
    assert cluster.events == ["Moving", "Succeeded"]


def test_a_pass_that_finds_nothing_new_writes_nothing(cluster):
    cluster.look()
    cluster.look()
    before = cluster.objects[PLAN]["metadata"]["resourceVersion"]
    found = cluster.look()
    assert cluster.objects[PLAN]["metadata"]["resourceVersion"] == before == found.settled


def test_what_has_ended_is_not_looked_at(cluster):
    cluster.look()
    cluster.get_on()
    cluster.look()
    cluster.get_on()
    cluster.look()
    cluster.machine("new", "data")
    cluster.patch(PLAN, {"metadata": {"generation": 2}})
    assert cluster.look().after is None
    assert len(cluster.made) == 3
    assert cluster.told()["observedGeneration"] == 2


def test_no_plan_and_one_that_is_being_deleted(cluster):
    cluster.patch(PLAN, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    assert cluster.look().after is None
    del cluster.objects[PLAN]
    assert cluster.look().after is None
    assert cluster.made == []


def test_a_pause_takes_back_what_has_not_begun_and_nothing_else(cluster):
    cluster.look()
    queued, moving = cluster.made
    cluster.stands(queued, "Pending", "Queued")
    cluster.stands(moving, "Copying", startTime="2026-01-01T00:00:00Z")
    cluster.patch(PLAN, {"spec": {"paused": True}})
    cluster.look()
    assert cluster.deleted == [queued]
    assert cluster.ready()["reason"] == "Paused"
    cluster.look()
    assert cluster.told()["counts"]["moving"] == 1
    cluster.patch(PLAN, {"spec": {"paused": False}})
    cluster.look()
    assert queued in cluster.migrations()


def test_one_that_has_begun_since_it_was_seen_is_not_taken_back(cluster, monkeypatch):
    cluster.look()
    (name, _) = cluster.made
    cluster.patch(PLAN, {"spec": {"paused": True}})
    real = cluster.delete

    def late(path, body):
        if path.endswith(name):
            cluster.stands(name, "Copying", startTime="2026-01-01T00:00:00Z")
        return real(path, body)

    monkeypatch.setattr(cluster, "delete", late)
    with pytest.raises(Conflict):
        cluster.look()
    cluster.look()
    assert name in cluster.migrations()


def test_a_cancel_cancels_what_is_under_way_and_is_the_end(cluster):
    cluster.look()
    cluster.patch(PLAN, {"spec": {"cancel": True}})
    cluster.look()
    assert all(item["spec"]["cancel"] for item in cluster.migrations().values())
    assert cluster.ready()["reason"] == "Cancelling"
    cluster.get_on()
    assert cluster.look().after is None
    told = cluster.told()
    assert (told["phase"], told["counts"]["skipped"]) == ("Cancelled", 3)
    assert len(cluster.made) == 2


def test_a_refusal_of_the_api_server_is_shown_and_tried_again(cluster):
    cluster.refuses = True
    found = cluster.look()
    assert found.after == 60.0
    ready = cluster.ready()
    assert ready["reason"] == "MigrationRefused"
    assert "exceeded quota: few" in ready["message"]
    stalled = [one["status"] for one in cluster.told()["conditions"] if one["type"] == "Stalled"]
    assert stalled == ["True"]
    cluster.refuses = False
    cluster.look()
    assert cluster.ready()["reason"] == "Moving"
    assert len(cluster.made) == 2


def test_somebody_else_s_migration_of_that_name_is_left_alone(cluster):
    cluster.look()
    name = cluster.made[0]
    (owner,) = cluster.migrations()[name]["metadata"]["ownerReferences"]
    owner["uid"] = "of-another-plan-of-that-name"
    cluster.look()
    taken = [item for item in cluster.told()["disks"] if item.get("reason") == "NameTaken"]
    assert len(taken) == 1
    cluster.patch(PLAN, {"spec": {"cancel": True}})
    cluster.look()
    assert not cluster.migrations()[name]["spec"]["cancel"]


@pytest.mark.parametrize(
    ("phase", "begins"),
    [("", False), ("Pending", False), ("Copying", False), ("Refused", True), ("Succeeded", True)],
)
def test_moves_of_others_are_waited_for_unless_they_get_nowhere(cluster, phase, begins):
    del cluster.objects[f"{MACHINES}/web"]
    spec = {"virtualMachine": {"name": "db"}, "volume": "data", "destination": {}}
    cluster.create(MIGRATIONS, {"metadata": {"name": "theirs"}, "spec": spec})
    if phase:
        cluster.stands("theirs", phase)
    cluster.look()
    assert (len(cluster.made) > 1) is begins
    assert cluster.told()["disks"][0].get("reason") == (
        "NotBegun" if begins else "VirtualMachineBusy"
    )


def test_a_wrong_window_is_named_and_can_be_mended(cluster):
    wrong = [{"start": "0 25 * * *", "duration": "1h", "timeZone": "UTC"}]
    cluster.patch(PLAN, {"spec": {"windows": wrong}})
    cluster.look()
    assert cluster.ready()["reason"] == "WindowInvalid"
    assert "0 25 * * *" in cluster.ready()["message"]
    assert cluster.made == []
    always = [{"start": "0 0 * * *", "duration": "24h", "timeZone": "Europe/Vienna"}]
    cluster.patch(PLAN, {"spec": {"windows": always}})
    cluster.look()
    assert cluster.told()["window"] == {"open": True}
    assert len(cluster.made) == 2


def test_priorities_and_labels_are_the_machine_s_own(cluster):
    annotations = {names.PRIORITY_ANNOTATION: "5"}
    cluster.machine("urgent", "data", annotations=annotations, labels={"tier": "db"})
    cluster.machine("odd", "data", annotations={names.PRIORITY_ANNOTATION: "first"})
    cluster.patch(PLAN, {"spec": {"inFlight": {"total": 1}}})
    cluster.look()
    (item,) = cluster.migrations().values()
    assert item["spec"]["virtualMachine"]["name"] == "urgent"


def test_a_dry_run_leaves_nothing_but_its_report(cluster):
    cluster.objects[PLAN]["spec"]["dryRun"] = True
    cluster.look()
    assert all(item["spec"]["dryRun"] for item in cluster.migrations().values())
    refused = cluster.made[0]
    cluster.stands(refused, "Refused", "LauncherTooOld")
    for name in cluster.made[1:]:
        cluster.stands(name, "Succeeded", "DryRunPassed")
    for _ in range(4):
        cluster.look()
        for name, item in cluster.migrations().items():
            if not item.get("status"):
                cluster.stands(name, "Succeeded", "DryRunPassed")
    assert cluster.migrations() == {}
    told = cluster.told()
    assert (told["phase"], cluster.ready()["reason"]) == ("Failed", "DisksRefused")
    assert (told["counts"]["refused"], told["counts"]["succeeded"]) == (1, 2)
    assert told["disks"][0]["reason"] == "LauncherTooOld"
    assert len(cluster.made) == len(set(cluster.made)) == 3


def test_a_claim_that_was_left_over_is_taken_and_no_other(cluster):
    made = {names.DESTINATION_OF_ANNOTATION: "gone"}
    cluster.claim("db-data-new", "fast", annotations=made)
    cluster.claim("web-data-new", "fast", annotations=made | {names.HOLDS_ANNOTATION: "x"})
    cluster.objects[PLAN]["spec"]["claimNameTemplate"] = "{machine}-{volume}-new"
    cluster.look()
    wanted = {
        item["spec"]["virtualMachine"]["name"]: item["spec"]["destination"]
        for item in cluster.migrations().values()
    }
    assert wanted["db"]["claimName"] == "db-data-new"
    assert wanted["web"]["claimTemplate"]["name"] == "web-data-new"


def test_a_machine_that_is_made_meanwhile_is_not_taken_for_one_without_its_claim(cluster):
    read, asked = cluster.read, []

    def between(path):
        if path in (MIGRATIONS, MACHINES, CLAIMS):
            asked.append(path)
        if set(asked) == {MACHINES, CLAIMS, MIGRATIONS}:
            cluster.machine("new", "data")
        return read(path)

    cluster.read = between
    cluster.look()
    assert "ClaimNotFound" not in {disk.get("reason") for disk in cluster.told()["disks"]}
    assert asked == [MIGRATIONS, MACHINES, CLAIMS], "what has ended is seen at its machine"
