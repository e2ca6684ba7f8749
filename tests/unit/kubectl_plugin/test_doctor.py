"""``doctor`` and ``version``."""

import json
import pathlib
import re

import pytest

from detour_crds import names
from detour_kubectl.commands import app
from detour_kubectl.domain import health
from detour_kubectl.domain.rights import RIGHTS
from detour_kubectl.errors import UnreachableError
from detour_kubectl.port import (
    BINDINGS,
    DEPLOYMENTS,
    INSTANCES,
    KUBEVIRTS,
    MACHINES,
    MIGRATIONS,
    NODES,
    PODS,
    POLICIES,
)
from unit.kubectl_plugin import healthy, objects

ROOT = pathlib.Path(__file__).parents[3]
TEMPLATES = ROOT / "charts" / "detour" / "templates" / "lock"
OURS = healthy.VERSION


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(app, "version", lambda: OURS)


@pytest.fixture
def well(cluster):
    healthy.make(cluster)
    return cluster


def findings(done):
    return {item["subject"]: item for item in json.loads(done.stdout)["findings"]}


def test_all_is_well(well, run):
    done = run("doctor")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) == 9
    assert all(line.startswith("ok") for line in lines), done.stdout


def broken(cluster, what):
    changes = {
        "Kubernetes": lambda: setattr(cluster, "kubernetes", "v1.31.4"),
        "CRDs": lambda: setattr(cluster, "served", frozenset({"attachmentswitches"})),
        "KubeVirt": lambda: cluster.add(KUBEVIRTS, healthy.kubevirt("v1.7.9")),
        "operator": lambda: cluster.add(DEPLOYMENTS, healthy.deployment(ready=0)),
        "node agents": lambda: cluster.add(
            PODS, objects.pod("agent-1", "node-agent", ready="False")
        ),
        "lock": lambda: cluster.add(BINDINGS, objects.binding("detour-lock-pods", ["Warn"])),
        "permissions in vms": lambda: cluster.denied.add(("create", "volumemigrations", "")),
    }
    changes[what]()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("Kubernetes", "1.32"),
        ("CRDs", "volumemigrations"),
        ("KubeVirt", "1.8"),
        ("operator", "0 of 2 ready"),
        ("node agents", "not ready on node-1"),
        ("lock", "not bound: detour-lock-pods"),
        ("permissions in vms", "create volumemigrations.detour.dev (move, doctor VM)"),
    ],
)
def test_each_thing_that_keeps_disks_from_moving_is_found(well, run, what, words):
    broken(well, what)
    done = run("doctor", "-o", "json")
    assert done.exit_code == 1
    found = findings(done)
    assert found[what]["health"] == "bad"
    assert words in found[what]["detail"]
    assert found[what]["nextStep"]
    assert [name for name, item in found.items() if item["health"] != "ok"] == [what]
    assert json.loads(done.stdout)["ready"] is False


def test_a_cluster_on_which_no_node_runs_machines_is_no_good_sign(well, run):
    del well.objects["nodes", None, "node-1"]
    found = findings(run("doctor", "-o", "json"))["node agents"]
    assert (found["health"], found["detail"]) == ("warning", "no node runs VMs")


def test_what_is_not_installed_at_all(cluster, run):
    cluster.served = frozenset()
    found = findings(run("doctor", "-o", "json"))
    for what in ("CRDs", "KubeVirt", "operator", "node agents", "lock"):
        assert found[what]["health"] == "bad", what


def test_what_may_not_be_looked_at_is_unknown_and_not_bad(well, run):
    well.forbidden = {("list", kind.plural) for kind in (POLICIES, NODES, KUBEVIRTS)} | {
        ("get", "deployments")
    }
    done = run("doctor", "-o", "json")
    assert done.exit_code == 0
    found = findings(done)
    for what in ("lock", "node agents", "KubeVirt", "operator"):
        assert found[what]["health"] == "unknown", what


def test_a_right_that_only_makes_explain_say_less_is_a_warning(well, run):
    well.denied.add(("get", "pods", "log"))
    done = run("doctor", "-o", "json")
    assert done.exit_code == 0
    found = findings(done)["permissions in vms"]
    assert found["health"] == "warning"
    assert "get pods/log in detour-system (explain)" in found["detail"]


def test_a_right_that_only_an_answer_takes_is_a_warning(well, run):
    well.denied.add(("get", "attachmentswitches", ""))
    done = run("doctor", "-o", "json")
    assert done.exit_code == 0
    found = findings(done)["permissions in vms"]
    assert found["health"] == "warning"
    assert "get attachmentswitches.detour.dev (trust, status, explain)" in found["detail"]


def test_old_launchers_and_other_versions_are_warnings(well, run):
    label = {"kubevirt.io/outdatedLauncherImage": ""}
    well.add(INSTANCES, {"metadata": {"name": "old", "namespace": "vms", "labels": label}})
    well.add(DEPLOYMENTS, healthy.deployment(label="7.1.0"))
    done = run("doctor")
    assert done.exit_code == 0
    assert "older than KubeVirt: old" in done.stdout
    assert "install the plugin of version 7.1.0" in done.stdout


def test_a_plugin_that_was_not_installed_has_no_version_to_compare(well, run, monkeypatch):
    monkeypatch.setattr(app, "version", lambda: "unknown")
    done = run("doctor", "-o", "json")
    assert findings(done)["versions"]["health"] == "unknown"


def test_the_policies_looked_for_are_those_of_the_chart():
    text = "".join(path.read_text() for path in TEMPLATES.glob("*.yaml"))
    named = re.findall(r"kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\S+)", text)
    assert sorted(named) == list(names.LOCK_POLICIES)


def test_versions_are_those_of_the_readme():
    text = (ROOT / "README.md").read_text()
    for name, least in (
        ("Kubernetes", health.LEAST_KUBERNETES),
        ("KubeVirt", health.LEAST_KUBEVIRT),
    ):
        assert f"{name} {least[0]}.{least[1]} or newer" in text


@pytest.mark.parametrize(
    ("version", "parts"),
    [("v1.36.0", (1, 36)), ("v1.32.1+k3s1", (1, 32)), ("0.1.0", (0, 1)), ("devel", ())],
)
def test_versions_are_compared_by_their_numbers(version, parts):
    assert health.parts(version) == parts


def test_each_right_is_asked_about_in_its_namespace(well, run):
    run("doctor")
    assert well.asked.count(("create", "selfsubjectaccessreviews")) == len(RIGHTS)


class TestMachines:
    @pytest.fixture
    def answers(self, well, clock):
        """What the operator answers to the dry run of each volume."""
        told = {}

        def work():
            for (plural, _, _), item in list(well.objects.items()):
                if plural == MIGRATIONS.plural and item["spec"].get("dryRun"):
                    item["status"] = told[item["spec"]["volume"]]["status"]
            clock.steps.append(work)

        clock.steps = [work]
        well.add(MACHINES, objects.machine("web", "root", "data"))
        well.add(INSTANCES, {"metadata": {"name": "web", "namespace": "vms"}})
        passed = objects.summary("True", "DryRunPassed", "all checks passed")
        told["root"] = objects.migration(phase="Succeeded", conditions=passed)
        told["data"] = told["root"]
        return told

    def test_each_volume_is_judged_by_a_dry_run(self, well, run, answers):
        answers["data"] = objects.refused(reason="DiskShareable", message="others write to it")
        done = run("doctor", "web")
        assert done.exit_code == 1
        assert "web/root: can move live" in done.stdout
        assert "web/data: cannot move: DiskShareable: others write to it" in done.stdout
        assert not [key for key in well.objects if key[0] == MIGRATIONS.plural]

    def test_a_stopped_machine_is_said_to_be_stopped(self, well, run, answers):
        del well.objects["virtualmachineinstances", "vms", "web"]
        done = run("doctor", "--all")
        assert done.exit_code == 0
        assert "web/data: is stopped, can move" in done.stdout

    @pytest.mark.parametrize(
        ("reason", "verdict"),
        [
            ("VirtualMachineBusy", "not now"),
            ("ClaimsDiffer", "cannot move"),
            ("LauncherTooOld", "offline only"),
            ("VolumeModeDiffers", "offline only"),
        ],
    )
    def test_refusals_have_their_verdicts(self, run, answers, reason, verdict):
        answers["data"] = objects.refused(reason=reason, message="so it is")
        told = json.loads(run("doctor", "web", "-o", "json").stdout)["volumes"]
        assert told[1]["verdict"] == verdict
        assert told[1]["reason"] == reason

    def test_nobody_is_judged_on_a_cluster_that_is_not_ready(self, well, run, answers):
        broken(well, "lock")
        done = run("doctor", "web")
        assert "the VMs were not judged" in done.stderr
        assert ("create", "volumemigrations") not in well.asked

    def test_a_machine_that_is_not_there(self, well, run):
        assert run("doctor", "nobody").exit_code == 3


def test_version_of_everything(well, run):
    told = json.loads(run("version", "-o", "json").stdout)
    assert told == {
        "plugin": OURS,
        "kubernetes": "v1.36.0",
        "kubevirt": "v1.8.4",
        "detour": OURS,
    }


def test_version_without_a_cluster_is_the_plugins(cluster, run):
    cluster.failures = [UnreachableError("no answer")]
    done = run("version")
    assert done.exit_code == 0
    assert done.stdout.split() == ["plugin:", OURS]
    assert "no answer" in done.stderr


def test_version_where_little_may_be_seen(cluster, run):
    cluster.forbidden = {("get", "deployments"), ("list", "kubevirts")}
    done = run("version")
    assert done.exit_code == 0
    assert "detour:     not seen" in done.stdout
