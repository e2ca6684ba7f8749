"""``trust`` answers the stop that was shown, and no other one."""

import pytest

from detour_kubectl.port import MIGRATIONS, SWITCHES
from detour_kubectl.view.terminal import Terminal
from unit.kubectl_plugin import objects

COPIED = {"position": "Destination"}
ANSWER = ("trust", "move", "Source", "--yes")


@pytest.fixture
def asking(cluster):
    """A migration whose node is lost, after its copy."""
    cluster.add(MIGRATIONS, objects.asking("move"))
    cluster.add(SWITCHES, objects.switch("move", **COPIED))
    return cluster


@pytest.fixture
def person(monkeypatch):
    """At a terminal, who answers what was asked; what was asked."""
    asked = []

    def sits(answer, *, meanwhile=lambda: None):
        def confirm(_terminal, question):
            asked.append(question)
            meanwhile()
            return answer

        monkeypatch.setattr(Terminal, "can_ask", True)
        monkeypatch.setattr(Terminal, "confirm", confirm)
        return asked

    return sits


def migration(cluster):
    return cluster.of(MIGRATIONS, "move")


def answer(cluster):
    spec = migration(cluster)["spec"]
    return spec.get("trust"), spec.get("answeredStop")


NOT_GIVEN = (None, None)


def test_an_answer_names_the_image_and_the_stop_and_the_object_that_was_read(asking, run):
    done = run(*ANSWER)
    assert done.exit_code == 0, done.output
    (patch,) = asking.patches
    assert patch == {
        "metadata": {"uid": "uid-of-move", "resourceVersion": "7"},
        "spec": {"trust": "Source", "answeredStop": "NodeLost-t-1"},
    }
    assert "volumemigration.detour.dev/move is answered: Source" in done.stdout


def test_what_is_given_up_is_shown_before_it_is_asked(asking, run, person):
    asked = person(False)
    done = run("trust", "move", "destination")
    assert "12 bytes are in its overlay alone" in done.stdout
    assert "the destination" in done.stdout
    assert "given up for good" in done.stdout
    assert "surely does not run on node-1" in done.stdout
    assert len(asked) == 1
    assert "Destination" in asked[0]
    assert done.exit_code == 1
    assert answer(asking) == NOT_GIVEN


def test_only_of_a_lost_node_it_is_said_that_nothing_runs_there(cluster, run):
    cluster.add(MIGRATIONS, objects.asking("move", "AmbiguousPivot"))
    cluster.add(SWITCHES, objects.switch("move"))
    done = run("trust", "move", "Overlay", "--yes")
    assert done.exit_code == 0
    assert "does not run" not in done.stdout


def test_a_person_who_agrees_has_answered(asking, run, person):
    person(True)
    assert run("trust", "move", "Destination").exit_code == 0
    assert answer(asking) == ("Destination", "NodeLost-t-1")


def test_without_a_terminal_nothing_is_answered_unless_it_is_said_to(asking, run):
    done = run("trust", "move", "Source", input="y\n")
    assert done.exit_code == 2
    assert "12 bytes are in its overlay alone" in done.stdout
    assert "--yes" in done.stderr
    assert answer(asking) == NOT_GIVEN


def test_the_question_takes_no_other_word_for_yes(asking, run, monkeypatch):
    monkeypatch.setattr(Terminal, "can_ask", True)
    for typed, code in (("\n", 1), ("n\n", 1), ("", 1), ("y\n", 0)):
        assert run("trust", "move", "Source", input=typed).exit_code == code
    assert answer(asking) == ("Source", "NodeLost-t-1")


def at_another_stop(item):
    item["status"]["stop"] = "NodeLost-t-2"


def at_no_stop(item):
    del item["status"]["stop"]


def answered_by_another(item):
    item["spec"] |= {"trust": "Destination", "answeredStop": "NodeLost-t-1"}


def told_otherwise(item):
    for condition in item["status"]["conditions"]:
        condition["message"] = "99 bytes are in its overlay alone"


def made_anew(item):
    item["metadata"]["uid"] = "another"


@pytest.mark.parametrize(
    "change", [at_another_stop, at_no_stop, answered_by_another, told_otherwise, made_anew]
)
def test_what_changed_while_it_was_looked_at_is_not_answered(asking, run, person, change):
    person(True, meanwhile=lambda: change(migration(asking)))
    done = run("trust", "move", "Source")
    assert done.exit_code == 6
    assert "changed" in done.stderr
    assert "look again" in done.stderr
    assert asking.patches == []


def test_what_goes_on_being_counted_does_not_keep_anybody_from_answering(asking, run, person):
    def counted():
        migration(asking)["metadata"]["resourceVersion"] = "8"
        migration(asking)["status"]["overlay"] = {"bytes": 99}

    person(True, meanwhile=counted)
    assert run("trust", "move", "Source").exit_code == 0
    (patch,) = asking.patches
    assert patch["metadata"]["resourceVersion"] == "8"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (objects.copying, "Copying: the frozen source is being copied"),
        (objects.holding, "Holding: the copy is done"),
        (objects.refused, "LauncherTooOld: its libvirt is 9.0"),
        (lambda name: objects.stalled(name, "SourceFailed"), "SourceFailed: the node"),
    ],
)
def test_where_nothing_is_asked_it_is_said_what_is_waited_for(cluster, run, item, words):
    cluster.add(MIGRATIONS, item("move"))
    cluster.add(SWITCHES, objects.switch("move"))
    done = run(*ANSWER)
    assert done.exit_code == 6
    assert "no stop" in done.stderr
    assert words in done.stderr
    assert "What to do: `kubectl detour explain move -n vms`" in done.stderr
    assert cluster.patches == []


@pytest.mark.parametrize("ended", [objects.succeeded, objects.failed, objects.cancelled])
def test_what_has_ended_asks_nothing(cluster, run, ended):
    cluster.add(MIGRATIONS, ended("move"))
    done = run(*ANSWER)
    assert done.exit_code == 6
    assert "has ended" in done.stderr


@pytest.mark.parametrize(
    ("reason", "facts", "image", "fits"),
    [
        ("NodeLost", {}, "Destination", "Source"),
        ("NodeLost", {}, "Overlay", "Source"),
        ("NodeLost", {"overlay": {"where": "Claim"}}, "Destination", "Source, Overlay"),
        ("AmbiguousPivot", {}, "Source", "Overlay, Destination"),
        ("AmbiguousPivot", {"mirror": {}}, "Overlay", "Source, Destination"),
        ("ChainAgainstRecord", {"node": {"top": "Overlay"}}, "Source", "Overlay"),
    ],
)
def test_an_image_that_is_no_answer_is_refused_with_those_that_are(
    cluster, run, reason, facts, image, fits
):
    cluster.add(MIGRATIONS, objects.asking("move", reason))
    cluster.add(SWITCHES, objects.switch("move", **facts))
    done = run("trust", "move", image, "--yes")
    assert done.exit_code == 6
    assert f"{image} is no answer" in done.stderr
    assert reason in done.stderr
    assert f"takes {fits}:" in done.stderr
    assert "docs/when-things-go-wrong.md#stalled-a-person-must-act" in done.stderr
    assert cluster.patches == []


def test_a_stop_that_no_image_is_an_answer_to_now(cluster, run):
    cluster.add(MIGRATIONS, objects.asking("move", "ChainAgainstRecord"))
    cluster.add(SWITCHES, objects.switch("move", node={"top": "Unknown"}))
    done = run(*ANSWER)
    assert done.exit_code == 6
    assert "What to do: `kubectl detour explain move -n vms`" in done.stderr


def test_an_answer_that_was_given_is_not_given_again(asking, run):
    migration(asking)["spec"] |= {"trust": "Source", "answeredStop": "NodeLost-t-1"}
    done = run(*ANSWER)
    assert done.exit_code == 0
    assert "nothing to do" in done.stdout
    assert asking.patches == []


def test_an_answer_that_is_not_acted_upon_can_be_changed(asking, run):
    migration(asking)["spec"] |= {"trust": "Source", "answeredStop": "NodeLost-t-1"}
    done = run("trust", "move", "Destination", "--yes")
    assert done.exit_code == 0
    assert "in place of the answer Source" in done.stdout
    assert answer(asking) == ("Destination", "NodeLost-t-1")


def test_an_answer_to_an_earlier_stop_is_replaced(asking, run):
    migration(asking)["spec"] |= {"trust": "Source", "answeredStop": "NodeLost-t-0"}
    done = run(*ANSWER)
    assert done.exit_code == 0
    assert "in place of" not in done.stdout
    assert answer(asking) == ("Source", "NodeLost-t-1")


def test_who_may_not_look_at_the_switch_cannot_know_which_image_fits(asking, run):
    asking.forbidden = {("get", "attachmentswitches")}
    done = run(*ANSWER)
    assert done.exit_code == 4
    assert asking.patches == []


def test_a_switch_that_is_gone_asks_nothing(asking, run):
    del asking.objects[SWITCHES.plural, "vms", "move"]
    done = run(*ANSWER)
    assert done.exit_code == 6
    assert "no stop" in done.stderr


@pytest.mark.parametrize(("words", "code"), [(("gone", "Source"), 3), (("move", "Copy"), 2)])
def test_what_is_no_migration_or_no_image(asking, run, words, code):
    assert run("trust", *words, "--yes").exit_code == code
