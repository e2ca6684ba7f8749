"""``cancel`` and ``continue``: one field of a migration each."""

import click

from detour_kubectl.commands import options, watching
from detour_kubectl.commands.app import Session
from detour_kubectl.commands.watching import Watch
from detour_kubectl.domain import migrations
from detour_kubectl.domain.migrations import Migration, Outcome
from detour_kubectl.errors import RefusedError, UnsuccessfulError
from detour_kubectl.looking import migrations as reading


@click.command()
@options.migration
@click.option("-w", "--watch", is_flag=True, help="Watch until the disk is back on its source.")
@options.timeout
@options.on_cluster
def cancel(session: Session, *, name: str, watch: bool, timeout: float | None) -> None:
    """Take a move back.

    The disk stays on its source claim, with all that the guest wrote. A cancel cannot be taken
    back, and comes too late once the switch to the destination was ordered.
    """
    found = reading.one(session.cluster, session.namespace, name)
    refuse_ended(found)
    reading.change(session.cluster, found, {"cancel": True})
    session.terminal.line(f"volumemigration.detour.dev/{name} is cancelled")
    if not watch:
        return
    stop = Watch(stop=_until_back, seconds=timeout)
    (ended,) = watching.follow(session, lambda: [_one(session, name)], stop)
    stands = migrations.outcome(ended)
    if stands is Outcome.SUCCEEDED:
        raise UnsuccessfulError(
            f"the cancel came too late: {migrations.message(ended)}",
            "the disk is on the destination; to go back, move it back",
        )
    if stands is not Outcome.CANCELLED:
        watching.conclude(ended)


def _until_back(migration: Migration) -> bool:
    """A refused migration is undone as well: only its end, or a stop, counts."""
    return migrations.has_ended(migration) or migrations.outcome(migration) is Outcome.STALLED


@click.command("continue")
@options.migration
@click.option("-w", "--watch", is_flag=True, help="Watch until it has ended.")
@options.timeout
@options.on_cluster
def go_on(session: Session, *, name: str, watch: bool, timeout: float | None) -> None:
    """Let a move go on that holds after its copy.

    Before that it is kept from holding.
    """
    found = reading.one(session.cluster, session.namespace, name)
    refuse_ended(found)
    if not found.spec.hold:
        session.terminal.line(f"volumemigration.detour.dev/{name} does not hold: nothing to do")
    else:
        reading.change(session.cluster, found, {"hold": False})
        session.terminal.line(f"volumemigration.detour.dev/{name} goes on")
    if watch:
        stop = Watch(stop=_until_over, seconds=timeout)
        (ended,) = watching.follow(session, lambda: [_one(session, name)], stop)
        watching.conclude(ended)


def _until_over(migration: Migration) -> bool:
    """The hold that was just released may be shown for a moment longer."""
    stands = migrations.outcome(migration)
    return stands is not Outcome.HOLDING and watching.until_a_person(migration)


def _one(session: Session, name: str) -> Migration:
    return reading.one(session.cluster, session.namespace, name)


def refuse_ended(found: Migration) -> None:
    """Let pass what can still be changed.

    Raises:
        RefusedError: it has ended.
    """
    if migrations.has_ended(found):
        stands = f"ended ({migrations.outcome(found).value})"
        raise RefusedError(
            f"{found.name} has {stands}: {migrations.message(found)}",
            "to move the disk again, or back: `kubectl detour move`",
        )
