"""``trust``: a person's answer to a stop."""

import click

from detour_crds.volume_migration import Trust
from detour_kubectl.commands import changing, options
from detour_kubectl.commands.app import Session
from detour_kubectl.domain import answering
from detour_kubectl.errors import UnsuccessfulError
from detour_kubectl.looking import migrations as reading
from detour_kubectl.port import MIGRATIONS, Cluster
from detour_kubectl.view import reports
from detour_kubectl.view.terminal import Terminal


def _asking(cluster: Cluster, namespace: str, _: click.Context) -> list[str]:
    return sorted(
        raw["metadata"]["name"]
        for raw in cluster.list(MIGRATIONS, namespace)
        if (raw.get("status") or {}).get("stop")
    )


def _images(cluster: Cluster, namespace: str, ctx: click.Context) -> list[str]:
    name = str(ctx.params.get("name") or "")
    return list(answering.fitting(reading.one(cluster, namespace, name)))


@click.command()
@click.argument("name", metavar="MIGRATION", shell_complete=options.offering(_asking))
@click.argument(
    "image",
    metavar="IMAGE",
    type=click.Choice([item.value for item in Trust], case_sensitive=False),
    shell_complete=options.offering(_images),
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether that is meant.")
@options.on_cluster
def trust(session: Session, *, name: str, image: str, yes: bool) -> None:
    """Answer a stop: which image holds the guest's last writes.

    Source is the source alone, Overlay the overlay on top of the source, Destination the
    destination. Writes that only other images have are given up for good: what is at stake is
    shown first. docs/when-things-go-wrong.md says which answer is right when.
    """
    found, chosen = reading.one_to_answer(session.cluster, session.namespace, name), Trust(image)
    changing.refuse_ended(found)
    answering.refuse_unfit(found, chosen)
    if answering.given(found) is chosen:
        session.terminal.line(
            f"volumemigration.detour.dev/{name} has the answer {chosen} already: nothing to do"
        )
        return
    reports.stop(session.terminal, found, chosen)
    if not yes:
        _make_sure(session.terminal, f"Trust the image {chosen} of {name}?")
    reading.answer(session.cluster, found, chosen)
    session.terminal.line(f"volumemigration.detour.dev/{name} is answered: {chosen}")


def _make_sure(terminal: Terminal, question: str) -> None:
    if not terminal.can_ask:
        raise click.UsageError(
            "nobody can be asked whether that is meant, and nothing was changed: run it at a"
            " terminal, or with --yes once you have read what is given up"
        )
    if not terminal.confirm(question):
        raise UnsuccessfulError("the stop was not answered; nothing was changed")
