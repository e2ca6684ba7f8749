"""``list``, ``status`` and ``explain``: looking, and nothing else."""

from collections.abc import Callable, Sequence

import click

from detour_kubectl.commands import options, watching
from detour_kubectl.commands.app import Session
from detour_kubectl.commands.watching import Watch
from detour_kubectl.domain import migrations, summary
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.looking import explaining
from detour_kubectl.looking import migrations as reading
from detour_kubectl.looking.watching import Watcher
from detour_kubectl.view import progress, reports

everywhere = click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")


@click.command("list")
@everywhere
@options.output("json", "yaml")
@options.on_cluster
def listing(session: Session, *, all_namespaces: bool, form: str | None) -> None:
    """List all migrations, ended ones too."""
    found = reading.several(session.cluster, None if all_namespaces else session.namespace)
    if form is not None:
        seen = Watcher(session.clock, lambda: found).once()
        session.terminal.data([summary.summary(*one) for one in seen], form)
        return
    if not found:
        session.terminal.note(f"no migrations{_where(session, everywhere=all_namespaces)}")
        return
    now = session.clock.now()
    reports.listing(session.terminal, found, now, with_namespace=all_namespaces)


@click.command()
@click.argument(
    "names", metavar="[MIGRATION]...", nargs=-1, shell_complete=options.offer_migrations
)
@click.option("-w", "--watch", is_flag=True, help="Show it live, until they have ended.")
@everywhere
@options.output("json", "yaml")
@options.timeout
@options.on_cluster
def status(
    session: Session,
    *,
    names: tuple[str, ...],
    watch: bool,
    all_namespaces: bool,
    form: str | None,
    timeout: float | None,
) -> None:
    """Show how far moves are.

    Each stage with its rate and ETA, and how full the overlay is. Without names, of all that have
    not ended. With -w and names it ends as the moves did: its exit code is not 0 if one failed.
    """
    if names and all_namespaces:
        raise click.UsageError("give names, or --all-namespaces")
    look = _look(session, names, everywhere=all_namespaces)
    if watch:
        how = Watch(stop=watching.until_the_end, seconds=timeout, form=form)
        ended = watching.follow(session, look, how)
        for migration in ended if names else ():
            watching.conclude(migration)
        return
    seen = Watcher(session.clock, look).once()
    if form is not None:
        session.terminal.data([summary.summary(*one) for one in seen], form)
    elif seen:
        progress.show(session.terminal, seen)
    else:
        nothing = f"nothing is being moved{_where(session, everywhere=all_namespaces)}"
        session.terminal.note(f"{nothing}; `kubectl detour list` shows what was")


def _look(
    session: Session, names: tuple[str, ...], *, everywhere: bool
) -> Callable[[], Sequence[Migration]]:
    if names:
        return lambda: [reading.one(session.cluster, session.namespace, name) for name in names]
    followed: set[str] = set()
    where = None if everywhere else session.namespace

    def look() -> list[Migration]:
        """Those under way, and those that ended while they were looked at."""
        found = reading.several(session.cluster, where)
        followed.update(item.uid for item in found if not migrations.has_ended(item))
        return [
            reading.with_switch(session.cluster, item) for item in found if item.uid in followed
        ]

    return look


@click.command()
@options.migration
@options.output("json", "yaml")
@options.on_cluster
def explain(session: Session, *, name: str, form: str | None) -> None:
    """Say what a migration waits for, and why.

    The meaning of its reasons and the next step are those of docs/when-things-go-wrong.md. With
    the events of the move and the last lines of the logs that are about it.
    """
    found = explaining.explain(
        session.cluster, session.namespace, name, detour_namespace=session.detour_namespace
    )
    if form is not None:
        session.terminal.data(reports.explanation_data(found), form)
    else:
        reports.explanation(session.terminal, found)


def _where(session: Session, *, everywhere: bool) -> str:
    return "" if everywhere else f" in the namespace {session.namespace}"
