"""``plan``: what is created, what is shown, and how a plan's end becomes an exit code."""

import json

import pytest
import yaml

from detour_crds.volume_migration_plan import LabelSelector, Requirement, SelectorOperator
from detour_kubectl.domain import selectors
from detour_kubectl.errors import UnreachableError
from detour_kubectl.port import PLANS
from unit.kubectl_plugin import objects

SLOW_TO_FAST = ("plan", "create", "all", "--map", "slow=fast")
COUNTS = {
    "total": 6, "waiting": 1, "moving": 1, "succeeded": 1, "failed": 1, "refused": 1, "skipped": 1,
}  # fmt: skip
DISKS = (
    "db/data Failed CopyFailed: the destination is full",
    "old/data Refused LauncherTooOld: its libvirt is 9.0",
    "web/data Moving Copying",
    "web/root Waiting NotBegun",
    "app/data Succeeded Succeeded",
    "odd/data Skipped StorageClassNotMapped: no entry",
)


def made(cluster, name="all"):
    return cluster.of(PLANS, name)["spec"]


def test_a_plan_is_an_object_that_anybody_could_apply(cluster, run):
    done = run(*SLOW_TO_FAST)
    assert done.exit_code == 0, done.output
    assert cluster.of(PLANS, "all")["kind"] == "VolumeMigrationPlan"
    assert made(cluster) == {"storageClasses": [{"from": "slow", "to": "fast"}]}
    assert "volumemigrationplan.detour.dev/all created" in done.stdout
    assert "plan status -w all -n vms" in done.stderr
    assert {verb for verb, _ in cluster.asked} == {"create"}


def test_everything_that_can_be_said(cluster, run):
    run(
        *SLOW_TO_FAST, "--map", "a=b", "-l", "tier=db", "--volume", "data", "--node", "n1",
        "--in-flight", "4", "--per-node", "1", "--per-class", "2", "--order", "SmallestFirst",
        "--window", "0 22 * * 6", "6h", "Europe/Vienna", "--max-failures", "3", "--hold",
        "--paused", "--dry-run",
    )  # fmt: skip
    assert made(cluster) == {
        "storageClasses": [{"from": "slow", "to": "fast"}, {"from": "a", "to": "b"}],
        "selector": {
            "machines": {"matchLabels": {"tier": "db"}},
            "volumes": ["data"],
            "nodes": ["n1"],
        },
        "inFlight": {"total": 4, "perNode": 1, "perStorageClass": 2},
        "order": "SmallestFirst",
        "windows": [{"start": "0 22 * * 6", "duration": "6h", "timeZone": "Europe/Vienna"}],
        "maxFailures": 3,
        "template": {"hold": True},
        "paused": True,
        "dryRun": True,
    }


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "create", "all"),
        ("plan", "create", "all", "--map", "slow"),
        ("plan", "create", "all", "--map", "=fast"),
        (*SLOW_TO_FAST, "-l", "a b"),
        (*SLOW_TO_FAST, "--in-flight", "0"),
        (*SLOW_TO_FAST, "--window", "0 22 * * 6", "6h"),
    ],
)
def test_a_command_line_that_is_wrong(cluster, run, words):
    assert run(*words).exit_code == 2
    assert cluster.asked == []


IN, NOT_IN = SelectorOperator.IN, SelectorOperator.NOT_IN


@pytest.mark.parametrize(
    ("text", "labels", "expressions"),
    [
        ("tier=db", {"tier": "db"}, ()),
        ("tier==db,zone=a", {"tier": "db", "zone": "a"}, ()),
        ("example.com/tier=", {"example.com/tier": ""}, ()),
        ("tier!=db", None, [("tier", NOT_IN, ("db",))]),
        ("tier=a,tier=b", {"tier": "a"}, [("tier", IN, ("b",))]),
        ("tier in (a, b),!old", None, [
            ("tier", IN, ("a", "b")), ("old", SelectorOperator.DOES_NOT_EXIST, None)]),
        ("tier notin (a),zone", None, [
            ("tier", NOT_IN, ("a",)), ("zone", SelectorOperator.EXISTS, None)]),
    ],
)  # fmt: skip
def test_selectors_are_kubectl_s(text, labels, expressions):
    wanted = tuple(
        Requirement(key=key, operator=operator, values=values)
        for key, operator, values in expressions
    )
    expected = LabelSelector(match_labels=labels, match_expressions=wanted or None)
    assert selectors.parsed(text) == expected


@pytest.mark.parametrize("text", ["", "=a", "a=b=c", "a in b", "a in ()x", "-a", "a,"])
def test_what_is_no_selector(text):
    with pytest.raises(ValueError, match="is no label selector"):
        selectors.parsed(text)


def shown(cluster, run, *words, **more):
    cluster.add(PLANS, objects.plan(disks=DISKS, counts=COUNTS, **more))
    return run("plan", "status", "retire-slow", *words)


def test_the_disks_that_are_worth_a_look_are_listed(cluster, run):
    done = shown(cluster, run, message="one disk is being moved", etaSeconds=90)
    assert done.exit_code == 0, done.output
    for told in (
        "retire-slow: Moving, 1 of 6 done, 1 moving, 1 waiting, 1 failed, 1 refused, 1 skipped",
        "ETA 1m 30s",
        "Moving: one disk is being moved",
        "CopyFailed: the destination is full",
        "LauncherTooOld: its libvirt is 9.0",
        "StorageClassNotMapped",
    ):
        assert told in done.stdout, told
    assert "NotBegun" not in done.stdout
    assert "NotBegun" in shown(cluster, run, "--all").stdout


def test_windows_and_a_list_that_has_an_end_are_told(cluster, run):
    window = {"open": False, "until": "2026-01-03T22:00:00Z"}
    done = shown(cluster, run, window=window, disksLeftOut=7)
    assert "maintenance window: closed until 2026-01-03T22:00:00Z" in done.stdout
    assert "7 more disks are not listed" in done.stderr


def test_for_programs_it_is_the_status_as_it_is(cluster, run):
    found = json.loads(shown(cluster, run, "-o", "json").stdout)
    assert (found["name"], found["counts"], len(found["disks"])) == ("retire-slow", COUNTS, 6)
    assert yaml.safe_load(shown(cluster, run, "-o", "yaml").stdout) == found


def test_one_that_nobody_has_looked_at_yet(cluster, run):
    cluster.add(PLANS, objects.plan() | {"status": {}})
    assert "nobody has looked at it yet" in run("plan", "status", "retire-slow").stdout


@pytest.mark.parametrize(
    ("phase", "code"),
    [("Succeeded", 0), ("Failed", 1), ("Cancelled", 1), ("Stopped", 7)],
)
def test_watching_ends_as_the_plan_does(cluster, clock, run, phase, code):
    cluster.add(PLANS, objects.plan(counts=COUNTS))
    clock.steps = [
        lambda: cluster.failures.append(UnreachableError("gone for a moment")),
        lambda: cluster.add(PLANS, objects.plan(phase=phase, counts=COUNTS)),
    ]
    done = run("plan", "status", "retire-slow", "-w")
    assert done.exit_code == code, done.output
    assert f"retire-slow: {phase}" in done.stdout


def test_watching_has_a_limit(cluster, run):
    cluster.add(PLANS, objects.plan(counts=COUNTS))
    assert run("plan", "status", "retire-slow", "-w", "--timeout", "10s").exit_code == 8


@pytest.mark.parametrize(
    ("command", "spec", "told"),
    [
        ("pause", {"paused": True}, "is paused"),
        ("resume", {"paused": False}, "goes on"),
        ("cancel", {"cancel": True}, "is cancelled"),
    ],
)
def test_one_field_each(cluster, run, command, spec, told):
    cluster.add(PLANS, objects.plan())
    done = run("plan", command, "retire-slow")
    assert done.exit_code == 0, done.output
    assert told in done.stdout
    assert cluster.patches == [{"spec": spec}]


def test_what_has_ended_or_is_not_there_is_not_changed(cluster, run):
    assert run("plan", "cancel", "retire-slow").exit_code == 3
    cluster.add(PLANS, objects.plan(phase="Succeeded"))
    done = run("plan", "pause", "retire-slow")
    assert done.exit_code == 6
    assert "has ended" in done.stderr


def test_what_a_newer_cluster_says_is_told_apart(cluster, run):
    cluster.add(PLANS, objects.plan(phase="Dancing"))
    done = run("plan", "status", "retire-slow")
    assert done.exit_code == 1
    assert "newer than this plugin" in done.stderr
