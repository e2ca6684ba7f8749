"""``plan``: creates VolumeMigrationPlans, shows them, and changes one field of them each."""

from typing import Final

import click

from detour_crds.volume_migration_plan import (
    DiskSelector,
    MigrationTemplate,
    Order,
    PlanInFlight,
    VolumeMigrationPlanSpec,
    Window,
)
from detour_kubectl.commands import options
from detour_kubectl.commands.app import Session
from detour_kubectl.domain import plans as domain
from detour_kubectl.domain import reasons, selectors
from detour_kubectl.domain.plans import Plan
from detour_kubectl.errors import (
    InterruptedWatchError,
    NeedsPersonError,
    OutOfTimeError,
    UnreachableError,
    UnsuccessfulError,
)
from detour_kubectl.looking import plans as looking
from detour_kubectl.port import PLANS
from detour_kubectl.view import plans as view

LOOK_SECONDS: Final = 2.0
PLAN: Final = "volumemigrationplan.detour.dev"


@click.group()
def plan() -> None:
    """Move many disks of a namespace, some at a time."""


@plan.command()
@options.plan
@click.option(
    "--map",
    "classes",
    metavar="FROM=TO",
    multiple=True,
    required=True,
    help="Move disks of one storage class to another. May be given several times.",
)
@click.option("-l", "--selector", help="VMs by their labels, as kubectl takes it. By default all.")
@click.option("--volume", "volumes", multiple=True, help="Volumes of this name only.")
@click.option(
    "--node",
    "nodes",
    multiple=True,
    shell_complete=options.offer_nodes,
    help="VMs that run on this node only.",
)
@click.option("--in-flight", type=click.IntRange(1), help="So many at a time. By default 10.")
@click.option("--per-node", type=click.IntRange(1), help="So many of one node at a time.")
@click.option("--per-class", type=click.IntRange(1), help="So many from or to a class at a time.")
@click.option(
    "--order",
    type=click.Choice([order.value for order in Order]),
    default=Order.NAME.value,
    help="Which disks come first.",
)
@click.option(
    "--window",
    "windows",
    nargs=3,
    metavar="START DURATION ZONE",
    multiple=True,
    help="Begin moves then only, as in: --window '0 22 * * 6' 6h Europe/Vienna.",
)
@click.option("--max-failures", type=click.IntRange(1), help="Stop after so many failed moves.")
@click.option("--hold", is_flag=True, help="Have each move wait after its copy.")
@click.option("--paused", is_flag=True, help="Begin nothing until `plan resume`.")
@click.option("--dry-run", is_flag=True, help="Check everything and report, change nothing.")
@options.on_cluster
def create(
    session: Session,
    *,
    name: str,
    classes: tuple[str, ...],
    selector: str | None,
    volumes: tuple[str, ...],
    nodes: tuple[str, ...],
    in_flight: int | None,
    per_node: int | None,
    per_class: int | None,
    order: str,
    windows: tuple[tuple[str, str, str], ...],
    max_failures: int | None,
    hold: bool,
    paused: bool,
    dry_run: bool,
) -> None:
    """Create a plan. The guests keep running."""
    try:
        mapped = tuple(domain.mapping(text) for text in classes)
        machines = selectors.parsed(selector) if selector else None
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    spec = VolumeMigrationPlanSpec(
        storage_classes=mapped,
        selector=DiskSelector(machines=machines, volumes=volumes or None, nodes=nodes or None),
        order=Order(order),
        in_flight=PlanInFlight(
            total=in_flight or PlanInFlight().total,
            per_node=per_node,
            per_storage_class=per_class,
        ),
        windows=tuple(
            Window(start=start, duration=duration, time_zone=zone)
            for start, duration, zone in windows
        )
        or None,
        template=MigrationTemplate(hold=hold),
        max_failures=max_failures,
        paused=paused,
        dry_run=dry_run,
    )
    session.cluster.create(
        PLANS, session.namespace, domain.manifest(spec, session.namespace, name)
    )
    session.terminal.line(f"{PLAN}/{name} created")
    session.terminal.note(
        f"`kubectl detour plan status -w {name} -n {session.namespace}` shows how it gets on"
    )


@plan.command()
@options.plan
@click.option("-w", "--watch", is_flag=True, help="Show each change, until it has ended.")
@click.option("--all", "everything", is_flag=True, help="List disks that wait or were moved, too.")
@options.output("json", "yaml")
@options.timeout
@options.on_cluster
def status(
    session: Session,
    *,
    name: str,
    watch: bool,
    everything: bool,
    form: str | None,
    timeout: float | None,
) -> None:
    """Show how far a plan is, and which disks ask for somebody.

    With -w it ends as the plan did, and where the plan waits for somebody.
    """
    found = looking.one(session.cluster, session.namespace, name)
    if watch:
        found = _follow(session, found, timeout)
    if form is not None:
        session.terminal.data(view.data(found), form)
    else:
        view.show(session.terminal, found, everything=everything or found.spec.dry_run)
    if watch:
        _conclude(found)


def _follow(session: Session, found: Plan, seconds: float | None) -> Plan:
    """Print a line for each change, until nothing more is to be waited for."""
    start, told = session.clock.now(), ""
    try:
        while not (found.has_ended or found.has_stopped):
            line = view.summary(found)
            if line != told:
                session.terminal.note(line)
                told = line
            if seconds is not None and (session.clock.now() - start).total_seconds() >= seconds:
                raise OutOfTimeError(
                    f"the time is over, and {found.name} is not done: {found.told[1]}",
                    f"the plan goes on; `kubectl detour plan status {found.name}` shows how far",
                )
            session.clock.sleep(LOOK_SECONDS)
            found = _again(session, found)
    except KeyboardInterrupt as error:
        hint = f"the plan goes on; `kubectl detour plan pause {found.name}` keeps it from it"
        raise InterruptedWatchError("stopped watching", hint) from error
    return found


def _again(session: Session, found: Plan) -> Plan:
    """As it is now; as it was seen last where the cluster does not answer."""
    try:
        return looking.one(session.cluster, found.namespace, found.name)
    except UnreachableError as error:
        session.terminal.note(error.message)
        return found


def _conclude(found: Plan) -> None:
    reason, message = found.told
    entry = reasons.of_plan(reason)
    hint = entry.next_step if entry is not None else ""
    if found.has_stopped:
        raise NeedsPersonError(f"{found.name} waits for somebody: {reason}: {message}", hint)
    if not found.has_succeeded:
        raise UnsuccessfulError(f"{found.name}: {reason}: {message}", hint)


@plan.command()
@options.plan
@options.on_cluster
def pause(session: Session, *, name: str) -> None:
    """Begin no other move; those under way go on."""
    looking.change(session.cluster, session.namespace, name, {"paused": True})
    session.terminal.line(f"{PLAN}/{name} is paused")


@plan.command()
@options.plan
@options.on_cluster
def resume(session: Session, *, name: str) -> None:
    """Go on with a plan that is paused."""
    looking.change(session.cluster, session.namespace, name, {"paused": False})
    session.terminal.line(f"{PLAN}/{name} goes on")


@plan.command()
@options.plan
@options.on_cluster
def cancel(session: Session, *, name: str) -> None:
    """Take back the moves that are under way, and begin no other one.

    What was moved stays where it is. A cancel cannot be taken back.
    """
    looking.change(session.cluster, session.namespace, name, {"cancel": True})
    session.terminal.line(f"{PLAN}/{name} is cancelled")
