"""What a command works with, and how an error of ours becomes an exit code."""

import dataclasses
from collections.abc import Callable
from importlib import metadata
from typing import Any, Final

import click
from typing_extensions import override

from detour_kubectl.errors import InterruptedWatchError, PluginError
from detour_kubectl.port import Clock, Cluster
from detour_kubectl.view.terminal import Terminal

DISTRIBUTION: Final = "detour"

Connect = Callable[[str | None, str | None], tuple[Cluster, str]]
"""A kubeconfig and a context, or None for the usual ones, to a cluster and its namespace."""


@dataclasses.dataclass(frozen=True, slots=True)
class App:
    """What differs between a terminal and a test."""

    connect: Connect
    clock: Clock


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command's cluster, namespaces, clock and terminal."""

    cluster: Cluster
    namespace: str
    detour_namespace: str
    clock: Clock
    terminal: Terminal


class Commands(click.Group):
    """The group of all commands: an error of ours is told, and never shown as a traceback."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PluginError as error:
            Terminal().problem(error.message, error.hint)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(InterruptedWatchError.exit_code)


def version() -> str:
    """The version of the wheel that the plugin is part of."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"
