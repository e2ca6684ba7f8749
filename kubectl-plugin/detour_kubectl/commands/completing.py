"""Shell completion: of ``kubectl-detour`` by click's scripts, of ``kubectl detour`` by kubectl's.

kubectl runs ``kubectl_complete-detour`` with the words typed so far and expects what cobra prints:
a candidate a line, with a tab before its description, then a colon and a number of bits.
https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
"""

from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

from detour_kubectl.commands.app import App
from detour_kubectl.view.terminal import Terminal

PROGRAM: Final = "kubectl-detour"
VARIABLE: Final = "_KUBECTL_DETOUR_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")
NO_FILES, FILES = ":4", ":0"
"""Cobra's ShellCompDirectiveNoFileComp, and none."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    It completes `kubectl-detour`. `kubectl detour` is completed by kubectl's own completion, as
    long as `kubectl_complete-detour` is on the PATH; it is installed with this program.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    Terminal().line(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())


def for_kubectl(commands: click.Command, app: App, words: Sequence[str]) -> list[str]:
    """The lines that kubectl expects for what was typed after ``kubectl detour``."""
    *before, incomplete = words or [""]
    found = ShellComplete(commands, {"obj": app}, PROGRAM, VARIABLE).get_completions(
        before, incomplete
    )
    files = any(item.type != "plain" for item in found)
    lines = [
        f"{item.value}\t{item.help}" if item.help else str(item.value)
        for item in found
        if item.type == "plain"
    ]
    return [*lines, FILES if files else NO_FILES]
