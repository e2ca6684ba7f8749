"""``move``: creates a VolumeMigration, or tries it."""

import click

from detour_crds.volume_migration import VolumeMode
from detour_kubectl.commands import options, watching
from detour_kubectl.commands.app import Session
from detour_kubectl.commands.watching import Watch
from detour_kubectl.domain import machines as machines_domain
from detour_kubectl.domain import manifests, migrations
from detour_kubectl.domain.manifests import Wish
from detour_kubectl.domain.migrations import Outcome
from detour_kubectl.domain.verdicts import Judgement, Verdict
from detour_kubectl.errors import NeedsPersonError, OutOfTimeError, UnsuccessfulError
from detour_kubectl.looking import dry_runs, machines
from detour_kubectl.looking import migrations as reading
from detour_kubectl.port import MIGRATIONS
from detour_kubectl.view import reports

DRY_RUN_SECONDS = 60.0


@click.command()
@click.argument("machine", metavar="VM", shell_complete=options.offer_machines)
@click.option(
    "--volume",
    shell_complete=options.offer_volumes,
    help="The volume, as in the VM's template. Not needed where one alone is on a claim.",
)
@click.option(
    "--to-class",
    metavar="CLASS",
    shell_complete=options.offer_classes,
    help="Move to a new claim of this storage class.",
)
@click.option(
    "--volume-mode",
    type=click.Choice([mode.value for mode in VolumeMode]),
    help="With --to-class: the new claim's. Another one than the old claim's takes a stopped VM.",
)
@click.option(
    "--to-claim",
    metavar="CLAIM",
    shell_complete=options.offer_claims,
    help="Move to this claim, which must be empty.",
)
@click.option("--overwrite", is_flag=True, help="With --to-claim: write over what it holds.")
@click.option("--name", help="The migration's name, and that of a new claim.")
@click.option("--hold", is_flag=True, help="Wait after the copy, until `continue`.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("-w", "--watch", is_flag=True, help="Watch until it has ended.")
@options.timeout
@options.on_cluster
def move(
    session: Session,
    *,
    machine: str,
    volume: str | None,
    to_class: str | None,
    volume_mode: str | None,
    to_claim: str | None,
    overwrite: bool,
    name: str | None,
    hold: bool,
    dry_run: bool,
    watch: bool,
    timeout: float | None,
) -> None:
    """Move a disk of a VM to another claim. The guest keeps running.

    Watching ends with the move; where it holds after the copy; and where it cannot go on without
    somebody. Ctrl-C ends the watching, not the move.
    """
    if (to_class is None) == (to_claim is None):
        raise click.UsageError("say where to: give one of --to-class and --to-claim")
    if overwrite and to_claim is None:
        raise click.UsageError("--overwrite has a meaning with --to-claim only")
    if volume_mode is not None and to_class is None:
        raise click.UsageError("--volume-mode has a meaning with --to-class only")
    if volume is None:
        found = machines.one(session.cluster, session.namespace, machine)
        volume = machines_domain.only_volume(found)
    wish = Wish(
        machine=machine,
        volume=volume,
        to_class=to_class,
        to_claim=to_claim,
        volume_mode=VolumeMode(volume_mode) if volume_mode else None,
        overwrite=overwrite,
        hold=hold,
    )
    chosen = name or reading.free_name(session.cluster, session.namespace, wish)
    if dry_run:
        _try(session, wish, chosen, DRY_RUN_SECONDS if timeout is None else timeout)
    else:
        _create(
            session,
            wish,
            chosen,
            Watch(stop=watching.until_a_person, seconds=timeout),
            watch=watch,
        )


def _create(session: Session, wish: Wish, name: str, how: Watch, *, watch: bool) -> None:
    manifest = manifests.move(wish, session.namespace, name)
    session.cluster.create(MIGRATIONS, session.namespace, manifest)
    session.terminal.line(f"volumemigration.detour.dev/{name} created")
    if not watch:
        session.terminal.note(
            f"`kubectl detour status -w {name} -n {session.namespace}` shows how it gets on"
        )
        return
    (ended,) = watching.follow(
        session, lambda: [reading.one(session.cluster, session.namespace, name)], how
    )
    watching.conclude(ended)
    if migrations.outcome(ended) is Outcome.HOLDING:
        session.terminal.line(
            "the copy is done and waits; to go on:"
            f" kubectl detour continue {name} -n {session.namespace}"
        )


def _try(session: Session, wish: Wish, name: str, seconds: float) -> None:
    cluster, clock = session.cluster, session.clock
    found = dry_runs.ask(cluster, clock, session.namespace, name, wish, seconds=seconds)
    reports.judgement(session.terminal, found)
    _conclude_trial(found)


def _conclude_trial(found: Judgement) -> None:
    if found.verdict in (Verdict.LIVE, Verdict.STOPPED):
        return
    if found.verdict is Verdict.UNKNOWN:
        raise OutOfTimeError(
            "the dry run had no answer in time",
            "`kubectl detour doctor` says whether the operator and the VM's node agent run",
        )
    if found.verdict is Verdict.LATER:
        raise NeedsPersonError("not at the moment", "try again once that has ended")
    raise UnsuccessfulError("this move would be refused; nothing was changed")
