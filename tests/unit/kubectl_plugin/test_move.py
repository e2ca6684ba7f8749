"""``move``: what is created, how its end becomes an exit code, and dry runs."""

import pytest

from detour_kubectl.errors import UnreachableError
from detour_kubectl.port import CLAIMS, INSTANCES, MACHINES, MIGRATIONS
from unit.kubectl_plugin import objects

TO_FAST = ("move", "web", "--volume", "data", "--to-class", "fast")


def step(cluster, item):
    """The operator writes the status of a migration that is there."""

    def work():
        name = item["metadata"]["name"]
        cluster.of(MIGRATIONS, name)["status"] = item["status"]

    return work


def test_a_move_is_a_volume_migration_and_nothing_else(cluster, run):
    done = run(*TO_FAST)
    assert done.exit_code == 0, done.output
    made = cluster.of(MIGRATIONS, "web-data-to-fast")
    assert made["apiVersion"] == "detour.dev/v1alpha1"
    assert made["kind"] == "VolumeMigration"
    assert made["spec"] == {
        "virtualMachine": {"name": "web"},
        "volume": "data",
        "destination": {"claimTemplate": {"storageClassName": "fast"}},
    }
    assert "volumemigration.detour.dev/web-data-to-fast created" in done.stdout
    assert "status -w web-data-to-fast" in done.stderr
    assert {verb for verb, _ in cluster.asked if verb not in ("get", "list")} == {"create"}


def test_an_existing_claim_is_written_over_only_if_that_is_asked_for(cluster, run):
    run("move", "web", "--volume", "data", "--to-claim", "big", "--name", "one")
    assert cluster.of(MIGRATIONS, "one")["spec"]["destination"] == {"claimName": "big"}
    run("move", "web", "--volume", "data", "--to-claim", "big", "--overwrite", "--name", "two")
    wanted = {"claimName": "big", "overwrite": True}
    assert cluster.of(MIGRATIONS, "two")["spec"]["destination"] == wanted


@pytest.mark.parametrize("mode", ["Filesystem", "Block"])
def test_the_volume_mode_of_a_new_claim_may_be_asked_for(cluster, run, mode):
    run(*TO_FAST, "--volume-mode", mode)
    assert cluster.of(MIGRATIONS, "web-data-to-fast")["spec"]["destination"] == {
        "claimTemplate": {"storageClassName": "fast", "volumeMode": mode}
    }


def test_the_hold_is_asked_for(cluster, run):
    run(*TO_FAST, "--hold")
    assert cluster.of(MIGRATIONS, "web-data-to-fast")["spec"]["hold"] is True


def test_a_name_that_a_migration_or_a_claim_has_is_not_proposed(cluster, run):
    cluster.add(MIGRATIONS, objects.succeeded("web-data-to-fast"))
    cluster.add(CLAIMS, {"metadata": {"name": "web-data-to-fast-2", "namespace": "vms"}})
    assert "web-data-to-fast-3 created" in run(*TO_FAST).stdout


def test_a_name_that_was_given_and_is_there_is_refused_with_the_next_step(cluster, run):
    cluster.add(MIGRATIONS, objects.succeeded("mine"))
    done = run(*TO_FAST, "--name", "mine")
    assert done.exit_code == 6
    assert "already exists" in done.stderr
    assert "--name" in done.stderr


def test_the_only_volume_on_a_claim_need_not_be_named(cluster, run):
    cluster.add(MACHINES, objects.machine("web", "data"))
    assert run("move", "web", "--to-class", "fast").exit_code == 0
    assert cluster.of(MIGRATIONS, "web-data-to-fast")["spec"]["volume"] == "data"


def test_several_volumes_are_named_in_the_error(cluster, run):
    cluster.add(MACHINES, objects.machine("web", "root", "data"))
    done = run("move", "web", "--to-class", "fast")
    assert done.exit_code == 1
    assert "root, data" in done.stderr
    assert "--volume" in done.stderr


def test_a_machine_that_is_not_there_is_told(run):
    done = run("move", "nobody", "--to-class", "fast")
    assert done.exit_code == 3
    assert "no VirtualMachine nobody" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("move", "web"),
        ("move", "web", "--to-class", "a", "--to-claim", "b"),
        ("move", "web", "--to-class", "a", "--overwrite"),
        ("move", "web", "--to-claim", "a", "--volume-mode", "Block"),
        ("move", "web", "--to-class", "a", "--volume-mode", "block"),
        ("move", "web", "--to-class", "a", "--timeout", "soon"),
    ],
)
def test_a_wrong_command_line_asks_nothing_of_the_cluster(cluster, run, words):
    assert run(*words).exit_code == 2
    assert cluster.asked == []


def test_watching_tells_each_stage_once_and_ends_with_the_move(cluster, clock, run):
    name = "web-data-to-fast"
    clock.steps = [
        step(cluster, item)
        for item in (
            objects.copying(name, 25),
            objects.copying(name, 26),
            objects.copying(name, 75),
            objects.merging(name),
            objects.succeeded(name),
        )
    ]
    done = run(*TO_FAST, "--watch")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    told = [line.split()[1] for line in lines[1:]]
    assert told == ["New", "Copying", "Copying", "Merging", "Succeeded"]
    assert "copy 25%  64 MiB of 256 MiB  10 MiB/s  ETA 20s" in lines[2]
    assert "overlay 12 MiB of 5.0 GiB (0%)" in lines[2]


@pytest.mark.parametrize(
    ("last", "code", "words"),
    [
        (objects.failed, 1, "CopyFailed"),
        (objects.cancelled, 1, "Cancelled"),
        (objects.stalled, 7, "NodeLost"),
        (objects.refused, 7, "LauncherTooOld"),
        (objects.holding, 0, "kubectl detour continue web-data-to-fast"),
    ],
)
def test_watching_ends_where_the_move_does_not_go_on_by_itself(
    cluster, clock, run, last, code, words
):
    clock.steps = [step(cluster, last("web-data-to-fast"))]
    done = run(*TO_FAST, "--watch")
    assert done.exit_code == code
    assert words in done.output
    if code:
        assert "kubectl detour explain web-data-to-fast" in done.stderr


def test_a_refusal_that_ends_by_itself_is_waited_for(cluster, clock, run):
    name = "web-data-to-fast"
    busy = objects.refused(name, "VirtualMachineBusy", "another disk is being moved")
    clock.steps = [step(cluster, busy), step(cluster, objects.succeeded(name))]
    assert run(*TO_FAST, "--watch").exit_code == 0


def test_time_that_is_over_ends_the_watching_and_not_the_move(cluster, clock, run):
    clock.steps = [step(cluster, objects.copying("web-data-to-fast"))]
    done = run(*TO_FAST, "--watch", "--timeout", "5s")
    assert done.exit_code == 8
    assert "the move goes on" in done.stderr
    assert "cancel" not in cluster.of(MIGRATIONS, "web-data-to-fast")["spec"]


def test_ctrl_c_ends_the_watching_and_not_the_move(cluster, clock, run):
    def interrupt():
        raise KeyboardInterrupt

    clock.steps = [interrupt]
    done = run(*TO_FAST, "--watch")
    assert done.exit_code == 130
    assert "the moves go on" in done.stderr
    assert "cancel" not in cluster.of(MIGRATIONS, "web-data-to-fast")["spec"]


def test_an_api_server_that_is_away_for_a_moment_does_not_end_the_watching(cluster, clock, run):
    def away():
        cluster.failures = [UnreachableError("no answer", "try again")] * 3

    clock.steps = [away, *[lambda: None] * 3, step(cluster, objects.succeeded("web-data-to-fast"))]
    done = run(*TO_FAST, "--watch")
    assert done.exit_code == 0
    assert done.stderr.count("no answer") == 1


def test_an_api_server_that_stays_away_does(cluster, clock, run):
    def away():
        cluster.failures = [UnreachableError("no answer", "try again")] * 1000

    clock.steps = [away]
    assert run(*TO_FAST, "--watch").exit_code == 5


class TestDryRun:
    @pytest.fixture
    def answered(self, cluster, clock):
        """Has the operator answer each dry run that there is."""

        def answer(item):
            def work():
                for (plural, _, _), found in cluster.objects.items():
                    if plural == MIGRATIONS.plural and found["spec"].get("dryRun"):
                        found["status"] = item["status"]

            clock.steps = [work]

        return answer

    def passed(self):
        told = objects.summary("True", "DryRunPassed", "a dry run: all checks passed")
        return objects.migration(phase="Succeeded", conditions=told)

    def test_it_says_so_and_leaves_nothing(self, cluster, run, answered):
        cluster.add(INSTANCES, {"metadata": {"name": "web", "namespace": "vms"}})
        answered(self.passed())
        done = run(*TO_FAST, "--dry-run")
        assert done.exit_code == 0, done.output
        assert "web/data: can move live" in done.stdout
        assert not [key for key in cluster.objects if key[0] == MIGRATIONS.plural]

    def test_it_tries_the_claim_of_the_move_under_another_name(self, cluster, clock, run):
        made = []

        def look():
            made.extend(
                item for key, item in cluster.objects.items() if key[0] == MIGRATIONS.plural
            )

        clock.steps = [look]
        run(*TO_FAST, "--dry-run", "--timeout", "1s")
        (tried,) = made
        assert tried["metadata"]["name"].startswith("web-data-to-fast-dry-run-")
        assert tried["spec"]["dryRun"] is True
        template = {"name": "web-data-to-fast", "storageClassName": "fast"}
        assert tried["spec"]["destination"] == {"claimTemplate": template}

    def test_a_refusal_is_told_with_the_next_step_of_the_docs(self, cluster, run, answered):
        cluster.add(INSTANCES, {"metadata": {"name": "web", "namespace": "vms"}})
        answered(objects.refused(reason="LauncherTooOld", message="its libvirt is 9.0"))
        done = run(*TO_FAST, "--dry-run")
        assert done.exit_code == 1
        assert "web/data: offline only: LauncherTooOld: its libvirt is 9.0" in done.stdout
        assert "to do: ask for copy.method: Hypervisor" in done.stdout
        assert not [key for key in cluster.objects if key[0] == MIGRATIONS.plural]

    def test_one_that_is_interrupted_leaves_nothing_as_well(self, cluster, clock, run):
        def interrupt():
            raise KeyboardInterrupt

        clock.steps = [interrupt]
        assert run(*TO_FAST, "--dry-run").exit_code == 130
        assert not [key for key in cluster.objects if key[0] == MIGRATIONS.plural]

    def test_no_answer_in_time_is_not_a_refusal(self, cluster, run):
        done = run(*TO_FAST, "--dry-run", "--timeout", "3s")
        assert done.exit_code == 8
        assert "doctor" in done.stderr
        assert not [key for key in cluster.objects if key[0] == MIGRATIONS.plural]
