"""``doctor`` and ``version``: is everything there, and of which version."""

from collections.abc import Iterator
from typing import Any

import click

from detour_kubectl.commands import app, options
from detour_kubectl.commands.app import Session
from detour_kubectl.domain import health, naming
from detour_kubectl.domain.manifests import Wish
from detour_kubectl.domain.verdicts import Judgement, Verdict
from detour_kubectl.errors import PluginError, UnsuccessfulError
from detour_kubectl.looking import dry_runs, machines
from detour_kubectl.looking import health as looking
from detour_kubectl.view import reports
from detour_kubectl.view.terminal import Terminal

DRY_RUN_SECONDS = 60.0


@click.command()
@click.argument("names", metavar="[VM]...", nargs=-1, shell_complete=options.offer_machines)
@click.option("--all", "every", is_flag=True, help="Judge all VMs of the namespace.")
@click.option(
    "--to-class",
    metavar="CLASS",
    shell_complete=options.offer_classes,
    help="Judge a move to this class. By default to the class that the disk is on.",
)
@options.output("json", "yaml")
@options.on_cluster
def doctor(
    session: Session,
    *,
    names: tuple[str, ...],
    every: bool,
    to_class: str | None,
    form: str | None,
) -> None:
    """Say whether disks can be moved.

    Whether the cluster is ready and you have the permissions; of VMs that are named, which of
    their disks can be moved and why others cannot. VMs are judged by Detour itself: a
    VolumeMigration with spec.dryRun for each of their volumes, one after another, deleted once it
    has answered. Nothing is changed.
    """
    if names and every:
        raise click.UsageError("name VMs, or give --all")
    found = []
    for finding in looking.findings(
        session.cluster,
        session.namespace,
        detour_namespace=session.detour_namespace,
        version=app.version(),
    ):
        found.append(finding)
        if form is None:
            reports.finding(session.terminal, finding)
    ready = health.is_ready(found)
    judged = _judge(session, names, to_class, form, every=every) if ready else []
    if form is not None:
        told: dict[str, Any] = {
            "ready": ready,
            "findings": [reports.finding_data(one) for one in found],
            "volumes": [reports.judgement_data(one) for one in judged],
        }
        session.terminal.data(told, form)
    _conclude(judged, ready=ready, asked=bool(names) or every)


def _judge(
    session: Session,
    names: tuple[str, ...],
    to_class: str | None,
    form: str | None,
    *,
    every: bool,
) -> list[Judgement]:
    wanted = machines.names(session.cluster, session.namespace) if every else names
    judged = []
    for wish in _wishes(session, wanted, to_class):
        name = naming.proposed(wish.machine, wish.volume, "doctor")
        one = dry_runs.ask(
            session.cluster, session.clock, session.namespace, name, wish, seconds=DRY_RUN_SECONDS
        )
        judged.append(one)
        if form is None:
            reports.judgement(session.terminal, one)
    return judged


def _wishes(
    session: Session, names: tuple[str, ...] | list[str], to_class: str | None
) -> Iterator[Wish]:
    for name in names:
        for volume in machines.volumes(session.cluster, session.namespace, name):
            yield Wish(machine=name, volume=volume, to_class=to_class)


def _conclude(judged: list[Judgement], *, ready: bool, asked: bool) -> None:
    if not ready:
        told = "; the VMs were not judged" if asked else ""
        raise UnsuccessfulError(f"the cluster is not ready{told}", "mend what is bad above")
    good = (Verdict.LIVE, Verdict.STOPPED)
    others = [f"{one.machine}/{one.volume}" for one in judged if one.verdict not in good]
    if others:
        raise UnsuccessfulError(f"cannot be moved as they are: {', '.join(others)}")


@click.command("version")
@options.output("json", "yaml")
@options.naming_a_cluster
@click.pass_context
def show_version(ctx: click.Context, /, *, form: str | None, **given: Any) -> None:
    """Show the versions of plugin and cluster.

    Without a cluster that answers, that of the plugin.
    """
    terminal, told = Terminal(), {"plugin": app.version()}
    try:
        told |= _of_cluster(options.session_of(ctx, given))
    except PluginError as error:
        terminal.note(f"the cluster's versions are not known: {error.message}")
    if form is not None:
        terminal.data(told, form)
        return
    for name, value in told.items():
        terminal.line(f"{name + ':':<12}{value}")


def _of_cluster(session: Session) -> dict[str, str]:
    cluster = session.cluster
    return {
        "kubernetes": cluster.version(),
        "kubevirt": looking.kubevirt_version(cluster) or "not seen",
        "detour": looking.installed_version(cluster, session.detour_namespace) or "not seen",
    }
