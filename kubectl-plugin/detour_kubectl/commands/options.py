"""Options that several commands have, and what the shell offers for them."""

import functools
import re
from collections.abc import Callable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem
from typing_extensions import override

from detour_kubectl.commands.app import App, Session
from detour_kubectl.errors import PluginError
from detour_kubectl.looking import machines
from detour_kubectl.port import CLAIMS, CLASSES, MIGRATIONS, NODES, PLANS, Cluster, Kind
from detour_kubectl.view.terminal import Terminal

Command = Callable[..., None]

DETOUR_NAMESPACE: Final = "detour-system"
UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """Seconds, from ``90``, ``90s``, ``30m`` or ``2h``."""

    name = "duration"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        found = re.fullmatch(r"(\d+)([smh]?)", value)
        if found is None:
            self.fail(f"{value!r} is no duration: write 90s, 30m or 2h", param, ctx)
        return float(int(found[1]) * UNITS[found[2]])


def on_cluster(command: Command) -> Command:
    """Give a command its session, made of the options that name a cluster."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        session = session_of(click.get_current_context(), given)
        command(session, **{name: given[name] for name in given if name not in OF_CLUSTER})

    return naming_a_cluster(run)


def naming_a_cluster(command: Command) -> Command:
    """Give a command the options that name a cluster."""
    for option in reversed(list(OF_CLUSTER.values())):
        command = option(command)
    return command


def session_of(ctx: click.Context, given: dict[str, Any]) -> Session:
    """The session that these options ask for.

    Raises:
        PluginError: there is no such cluster.
    """
    app = ctx.find_object(App)
    if app is None:
        raise RuntimeError("the command was started without its App")
    cluster, namespace = app.connect(given.get("kubeconfig"), given.get("context"))
    return Session(
        cluster=cluster,
        namespace=given.get("namespace") or namespace,
        detour_namespace=given.get("detour_namespace") or DETOUR_NAMESPACE,
        clock=app.clock,
        terminal=Terminal(),
    )


OF_CLUSTER: Final[dict[str, Callable[[Command], Command]]] = {
    "kubeconfig": click.option(
        "--kubeconfig", type=click.Path(dir_okay=False), help="The kubeconfig file to use."
    ),
    "context": click.option("--context", help="The kubeconfig's context to use."),
    "namespace": click.option(
        "-n", "--namespace", help="The namespace of the VM. By default the context's."
    ),
    "detour_namespace": click.option(
        "--detour-namespace",
        default=DETOUR_NAMESPACE,
        show_default=True,
        envvar="DETOUR_NAMESPACE",
        help="The namespace that Detour is installed in.",
    ),
}


def output(*forms: str) -> Callable[[Command], Command]:
    """``-o``: text if it is left out."""
    return click.option(
        "-o", "--output", "form", type=click.Choice(forms), help="Print this instead of text."
    )


timeout = click.option(
    "--timeout",
    type=Duration(),
    metavar="DURATION",
    help="Watch for so long at most (90s, 30m, 2h). By default without end.",
)

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def offering(look: Callable[[Cluster, str, click.Context], list[str]]) -> Offer:
    """What the shell offers: names that the cluster has; nothing where it cannot be asked."""

    def offer(
        ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            session = session_of(ctx, ctx.params)
            found = look(session.cluster, session.namespace, ctx)
        except PluginError:
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return offer


def _names(cluster: Cluster, kind: Kind, namespace: str | None) -> list[str]:
    return sorted(raw["metadata"]["name"] for raw in cluster.list(kind, namespace))


offer_migrations = offering(lambda cluster, where, _: _names(cluster, MIGRATIONS, where))
offer_plans = offering(lambda cluster, where, _: _names(cluster, PLANS, where))
offer_nodes = offering(lambda cluster, _where, _: _names(cluster, NODES, None))
offer_machines = offering(lambda cluster, where, _: machines.names(cluster, where))
offer_claims = offering(lambda cluster, where, _: _names(cluster, CLAIMS, where))
offer_classes = offering(lambda cluster, _where, _: _names(cluster, CLASSES, None))


def _volumes(cluster: Cluster, namespace: str, ctx: click.Context) -> list[str]:
    # click leaves arguments where they are if an option behind them still lacks its value.
    name = ctx.params.get("machine") or next(iter(ctx.args), None)
    return list(machines.volumes(cluster, namespace, str(name))) if name else []


offer_volumes = offering(_volumes)

migration = click.argument("name", metavar="MIGRATION", shell_complete=offer_migrations)
plan = click.argument("name", metavar="PLAN", shell_complete=offer_plans)
