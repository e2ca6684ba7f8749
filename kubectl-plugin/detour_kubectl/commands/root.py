"""All commands."""

import click

from detour_kubectl.commands import answering, changing, checking, completing, move, plans, showing
from detour_kubectl.commands.app import Commands


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: docs/kubectl-detour.md.",
)
def root() -> None:
    """Move disks of running KubeVirt VMs, and see how that gets on."""


for command in (
    move.move,
    plans.plan,
    showing.listing,
    showing.status,
    showing.explain,
    changing.cancel,
    changing.go_on,
    answering.trust,
    checking.doctor,
    checking.show_version,
    completing.completion,
):
    root.add_command(command)
