"""``list`` and ``status``: for people, for logs and for programs."""

import io
import json

import pytest
import yaml
from rich.console import Console

from detour_kubectl.domain import migrations
from detour_kubectl.domain.stages import stages
from detour_kubectl.errors import NotThereError
from detour_kubectl.port import MIGRATIONS, SWITCHES
from detour_kubectl.view.progress import Screen
from detour_kubectl.view.terminal import Terminal
from unit.kubectl_plugin import objects
from unit.kubectl_plugin.objects import MIB


def test_the_list_is_a_table_of_all(cluster, run):
    cluster.add(MIGRATIONS, objects.succeeded("old"), objects.copying("new"))
    done = run("list")
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header == ["NAME", "VM", "VOLUME", "DESTINATION", "PHASE", "PROGRESS", "REASON", "AGE"]
    assert rows == [
        ["new", "web", "data", "new", "Copying", "25%", "Copying", "30s"],
        ["old", "web", "data", "old", "Succeeded", "100%", "Succeeded", "30s"],
    ]


def test_a_stop_is_seen_in_the_list(cluster, run):
    cluster.add(MIGRATIONS, objects.stalled("m"))
    assert "Stalled" in run("list").stdout
    assert "NodeLost" in run("list").stdout


def test_the_list_of_all_namespaces_says_which(cluster, run):
    cluster.add(MIGRATIONS, objects.copying("a"), objects.copying("b", namespace="others"))
    assert "others" not in run("list").stdout
    lines = run("list", "-A").stdout.splitlines()
    assert lines[0].startswith("NAMESPACE")
    assert lines[1].startswith("others")


def test_nothing_is_said_in_words_and_not_as_data(run):
    done = run("list")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "no migrations in the namespace vms" in done.stderr
    assert json.loads(run("list", "-o", "json").stdout) == []


def test_the_namespace_of_the_option_goes_before_the_context(cluster, run):
    cluster.add(MIGRATIONS, objects.copying("b", namespace="others"))
    assert run("list", "-n", "others").stdout


def test_status_shows_each_stage(cluster, run):
    cluster.add(MIGRATIONS, objects.merging("move"), objects.succeeded("other"))
    cluster.add(SWITCHES, objects.switch("move", done=3 * MIB, total=12 * MIB))
    done = run("status")
    assert done.stdout.splitlines() == [
        "move: volume data of VM web, web-data -> move: Merging",
        "  done    freeze     3s",
        "  done    copy       18s",
        "  active  merge      25%  3.0 MiB of 12 MiB",
        "  ahead   hand over",
        "  the overlay is being merged onto the destination",
    ]


def test_status_of_one_shows_it_when_it_has_ended_too(cluster, run):
    cluster.add(MIGRATIONS, objects.succeeded("move"))
    done = run("status", "move")
    assert "  done    merge      2s" in done.stdout
    assert "pauses: start 14 ms, switch 21 ms" in done.stdout
    assert "nothing is being moved" in run("status").stderr


def test_an_overlay_that_has_gone_is_not_shown(cluster, run):
    cluster.add(MIGRATIONS, objects.succeeded("move", overlay={"bytes": 1, "limitBytes": 2}))
    assert "overlay" not in run("status", "move").stdout


def test_status_of_what_is_not_there(run):
    done = run("status", "nothing")
    assert done.exit_code == 3
    assert "kubectl detour list -n vms" in done.stderr


@pytest.mark.parametrize("load", [json.loads, yaml.safe_load], ids=["json", "yaml"])
def test_status_for_programs(cluster, run, load):
    cluster.add(MIGRATIONS, objects.copying("move"))
    form = "json" if load is json.loads else "yaml"
    (told,) = load(run("status", "-o", form).stdout)
    assert told["outcome"] == "Running"
    assert told["overlay"] == {"bytes": 12 * MIB, "limitBytes": 5120 * MIB}
    copy = next(stage for stage in told["stages"] if stage["state"] == "active")
    assert copy == {
        "name": "copy",
        "state": "active",
        "percent": 25,
        "bytesDone": 64 * MIB,
        "bytesTotal": 256 * MIB,
        "bytesPerSecond": 10 * MIB,
        "etaSeconds": 20,
    }


def test_switches_that_may_not_be_seen_cost_the_merge_alone(cluster, run):
    cluster.add(MIGRATIONS, objects.merging("move"))
    cluster.forbidden = {("get", "attachmentswitches")}
    done = run("status")
    assert done.exit_code == 0
    assert "  active  merge\n" in done.stdout


class TestWatching:
    def test_the_merge_has_a_rate_once_it_was_seen_twice(self, cluster, clock, run):
        cluster.add(MIGRATIONS, objects.merging("move"))
        cluster.add(SWITCHES, objects.switch("move", done=0, total=12 * MIB))

        def on():
            cluster.add(SWITCHES, objects.switch("move", done=4 * MIB, total=12 * MIB))

        def end():
            cluster.add(MIGRATIONS, objects.succeeded("move"))

        clock.steps = [on, end]
        done = run("status", "-w")
        assert done.exit_code == 0
        assert "merge 33%  4.0 MiB of 12 MiB  4.0 MiB/s  ETA 2s" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("move  Succeeded")

    def test_it_ends_as_the_named_move_did(self, cluster, clock, run):
        cluster.add(MIGRATIONS, objects.copying("move"))
        clock.steps = [lambda: cluster.add(MIGRATIONS, objects.failed("move"))]
        assert run("status", "move", "-w").exit_code == 1

    def test_of_all_it_ends_when_all_have_and_blames_nobody(self, cluster, clock, run):
        cluster.add(MIGRATIONS, objects.copying("a"), objects.copying("b"), objects.failed("old"))
        clock.steps = [
            lambda: cluster.add(MIGRATIONS, objects.failed("a")),
            lambda: cluster.add(MIGRATIONS, objects.succeeded("b")),
        ]
        done = run("status", "-w")
        assert done.exit_code == 0
        assert "old" not in done.stdout
        assert "a  Failed" in done.stdout
        assert "b  Succeeded" in done.stdout

    def test_a_stop_is_looked_on(self, cluster, clock, run):
        cluster.add(MIGRATIONS, objects.stalled("move"))
        clock.steps = [lambda: cluster.add(MIGRATIONS, objects.succeeded("move"))]
        assert run("status", "move", "-w").exit_code == 0

    def test_programs_get_a_document_for_each_change(self, cluster, clock, run):
        cluster.add(MIGRATIONS, objects.copying("move"))
        clock.steps = [
            lambda: None,
            lambda: cluster.add(MIGRATIONS, objects.copying("move", 75)),
            lambda: cluster.add(MIGRATIONS, objects.succeeded("move")),
        ]
        lines = run("status", "move", "-w", "-o", "json").stdout.splitlines()
        assert [json.loads(line)["phase"] for line in lines] == ["Copying", "Copying", "Succeeded"]

    def test_a_terminal_shows_bars(self):
        out = Console(file=io.StringIO(), force_terminal=True, width=120, markup=False)
        found = migrations.read(objects.copying("move"))
        with Screen(Terminal(out, out)) as screen:
            screen.show(((found, stages(found)),))
        told = out.file.getvalue()
        assert "64 MiB of 256 MiB  10 MiB/s  ETA 20s" in told
        assert "━" in told
        assert "overlay" in told


class TestStages:
    def names(self, item, state):
        return [
            stage.name.value for stage in stages(migrations.read(item)) if stage.state == state
        ]

    def test_a_verification_is_a_stage_of_its_own(self):
        item = objects.copying(spec={"copy": {"verify": "Checksum"}})
        assert self.names(item, "ahead") == ["verify", "merge", "hand over"]
        item["status"]["progress"]["bytesVerified"] = MIB
        assert self.names(item, "active") == ["verify"]
        assert self.names(item, "done") == ["freeze", "copy"]

    def test_qemus_own_copy_has_neither_freeze_nor_merge(self):
        item = objects.copying(spec={"copy": {"method": "Hypervisor"}})
        assert self.names(item, "done") == ["lock"]
        assert self.names(item, "ahead") == ["switch", "hand over"]

    def test_a_hold_is_a_stage(self):
        assert self.names(objects.holding(), "active") == ["hold"]

    def test_an_undone_move_shows_where_it_was(self):
        assert self.names(objects.cancelled(), "broken") == ["copy"]
        assert self.names(objects.cancelled(), "done") == ["freeze"]
        assert self.names(objects.cancelled(), "active") == []

    def test_one_that_is_being_undone_goes_back(self):
        item = objects.merging()
        item["status"]["phase"] = "Cancelling"
        assert self.names(item, "broken") == ["merge"]
        assert self.names(item, "active") == ["go back"]
        assert self.names(item, "ahead") == ["hand over"]

    def test_where_nothing_is_moved_there_are_none(self):
        told = objects.summary("True", "AlreadyThere", "nothing was moved")
        assert stages(migrations.read(objects.migration(conditions=told))) == ()

    def test_every_phase_has_its_stages(self):
        for phase in migrations.Phase:
            assert stages(migrations.read(objects.migration(phase=phase.value)))


def test_what_a_newer_detour_writes_is_told_and_no_traceback(cluster, run):
    cluster.add(MIGRATIONS, objects.migration(phase="Teleporting"))
    done = run("list")
    assert done.exit_code == 1
    assert "newer than this plugin" in done.stderr


def test_detour_that_is_not_installed_is_told(cluster, run):
    cluster.failures = [NotThereError("the cluster does not know the kind VolumeMigration", "x")]
    done = run("list")
    assert done.exit_code == 3
    assert "Error: the cluster does not know" in done.stderr
    assert "What to do: x" in done.stderr
