"""The programs themselves: help, exit codes, completion, and an installation without the extra."""

import builtins
import pathlib
import re
import tomllib

import pytest

from detour_kubectl import __main__, errors
from detour_kubectl.commands import completing
from detour_kubectl.commands.app import App
from detour_kubectl.commands.options import Duration
from detour_kubectl.commands.root import root
from detour_kubectl.port import CLASSES, MACHINES, MIGRATIONS, SWITCHES
from unit.kubectl_plugin import objects

ROOT = pathlib.Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "kubectl-detour.md").read_text()


def offered(cluster, clock, *words):
    app = App(connect=lambda _kubeconfig, _context: (cluster, "vms"), clock=clock)
    return completing.for_kubectl(root, app, words)


def test_every_command_explains_itself(run):
    for name in root.commands:
        done = run(name, "--help")
        assert done.exit_code == 0
        assert f"Usage: kubectl detour {name}" in done.output


def test_the_list_of_commands_is_not_cut(run):
    assert "..." not in run("--help").output.replace("[ARGS]...", "")


def test_each_command_and_each_option_is_in_the_docs():
    for name, command in root.commands.items():
        assert f"## {name}\n" in PAGE, name
        for option in command.params:
            for word in option.opts if option.param_type_name == "option" else ():
                assert not word.startswith("--") or f"`{word}" in PAGE, (name, word)


def test_each_exit_code_is_in_the_docs():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {str(kind.exit_code) for kind in kinds if issubclass(kind, errors.PluginError)}
    assert codes | {"0", "2"} == set(re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE))


class TestCompletion:
    @pytest.fixture(autouse=True)
    def there(self, cluster):
        cluster.add(MIGRATIONS, objects.copying("web-to-fast"), objects.copying("db-to-fast"))
        cluster.add(MACHINES, objects.machine("web", "root", "data"))
        cluster.add(CLASSES, {"metadata": {"name": "fast"}})

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("cancel", ""), ["db-to-fast", "web-to-fast"]),
            (("explain", "web"), ["web-to-fast"]),
            (("move", "w"), ["web"]),
            (("move", "web", "--volume", ""), ["root", "data"]),
            (("move", "web", "--to-class", ""), ["fast"]),
            (("list", "-o", "j"), ["json"]),
        ],
    )
    def test_names_of_the_cluster_are_offered(self, cluster, clock, words, expected):
        assert offered(cluster, clock, *words) == [*expected, ":4"]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("trust", ""), ["lost", "torn"]),
            (("trust", "lost", ""), ["Source"]),
            (("trust", "torn", ""), ["Overlay", "Destination"]),
            (("trust", "torn", "D"), ["Destination"]),
            (("trust", "web-to-fast", ""), []),
        ],
    )
    def test_what_is_at_a_stop_is_offered_with_the_images_that_fit(
        self, cluster, clock, words, expected
    ):
        cluster.add(MIGRATIONS, objects.asking("lost"), objects.asking("torn", "AmbiguousPivot"))
        cluster.add(MIGRATIONS, objects.stalled("foreign", "ForeignChain"))
        for name in ("lost", "torn"):
            cluster.add(SWITCHES, objects.switch(name))
        assert offered(cluster, clock, *words) == [*expected, ":4"]

    def test_commands_are_offered_with_what_they_do(self, cluster, clock):
        assert offered(cluster, clock, "mo") == [
            "move\tMove a disk of a VM to another claim.",
            ":4",
        ]

    def test_files_are_left_to_the_shell(self, cluster, clock):
        assert offered(cluster, clock, "list", "--kubeconfig", "") == [":0"]

    def test_a_cluster_that_does_not_answer_offers_nothing(self, cluster, clock):
        cluster.failures = [errors.UnreachableError("no answer")]
        assert offered(cluster, clock, "cancel", "") == [":4"]

    @pytest.mark.parametrize("shell", completing.SHELLS)
    def test_each_shell_has_its_script(self, run, shell):
        done = run("completion", shell)
        assert done.exit_code == 0
        assert completing.VARIABLE in done.stdout


def test_without_the_extra_it_says_how_to_install_it(monkeypatch, capsys):
    real = builtins.__import__

    def refuse(name, *others):
        if name == "detour_kubectl.commands":
            raise ModuleNotFoundError("No module named 'rich'", name="rich")
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == 2
    assert "extra `kubectl`" in capsys.readouterr().err


def test_the_programs_are_what_the_wheel_installs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {
        "kubectl-detour": "detour_kubectl.__main__:main",
        "kubectl_complete-detour": "detour_kubectl.__main__:complete",
    }


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200)]
)
def test_durations(text, seconds):
    assert Duration().convert(text, None, None) == seconds
