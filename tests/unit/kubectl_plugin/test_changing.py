"""``cancel`` and ``continue`` change one field each."""

import pytest

from detour_kubectl.port import MIGRATIONS
from unit.kubectl_plugin import objects


def spec(cluster):
    return cluster.of(MIGRATIONS, "move")["spec"]


def test_a_cancel_is_the_field_of_the_spec(cluster, run):
    cluster.add(MIGRATIONS, objects.copying("move"))
    assert run("cancel", "move").exit_code == 0
    assert spec(cluster)["cancel"] is True


@pytest.mark.parametrize("words", [("cancel", "move"), ("continue", "move")])
@pytest.mark.parametrize("ended", [objects.succeeded, objects.failed, objects.cancelled])
def test_what_has_ended_is_not_changed(cluster, run, words, ended):
    cluster.add(MIGRATIONS, ended("move"))
    before = dict(spec(cluster))
    done = run(*words)
    assert done.exit_code == 6
    assert "has ended" in done.stderr
    assert spec(cluster) == before


@pytest.mark.parametrize("words", [("cancel", "move"), ("continue", "move")])
def test_what_is_not_there_is_told(run, words):
    assert run(*words).exit_code == 3


@pytest.mark.parametrize(
    ("last", "code"), [(objects.cancelled, 0), (objects.failed, 1), (objects.succeeded, 1)]
)
def test_a_cancel_that_is_watched_succeeds_if_the_disk_is_back(cluster, clock, run, last, code):
    cluster.add(MIGRATIONS, objects.copying("move"))
    clock.steps = [lambda: cluster.add(MIGRATIONS, last("move"))]
    done = run("cancel", "move", "--watch")
    assert done.exit_code == code
    if last is objects.succeeded:
        assert "too late" in done.stderr


def test_a_refused_migration_is_cancelled_as_well(cluster, clock, run):
    cluster.add(MIGRATIONS, objects.refused("move"))
    clock.steps = [lambda: None, lambda: cluster.add(MIGRATIONS, objects.cancelled("move"))]
    assert run("cancel", "move", "--watch").exit_code == 0


def test_continue_releases_the_hold(cluster, run):
    cluster.add(MIGRATIONS, objects.holding("move"))
    assert run("continue", "move").exit_code == 0
    assert spec(cluster)["hold"] is False


def test_continue_says_so_where_nothing_holds(cluster, run):
    cluster.add(MIGRATIONS, objects.copying("move"))
    done = run("continue", "move")
    assert done.exit_code == 0
    assert "does not hold" in done.stdout
    assert ("patch", "volumemigrations") not in cluster.asked


def test_a_hold_that_is_still_shown_does_not_end_the_watching(cluster, clock, run):
    cluster.add(MIGRATIONS, objects.holding("move"))
    clock.steps = [lambda: None, lambda: cluster.add(MIGRATIONS, objects.succeeded("move"))]
    done = run("continue", "move", "--watch")
    assert done.exit_code == 0
    assert "Succeeded" in done.stdout
