"""The node agents: held up, and what they have done by their own words."""

import contextlib
import fcntl
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from harness.install import NAMESPACE
from harness.kube import Kube
from harness.migration import Migration

PROCESS = "[d]etour_agent"
LOOKED_BACK = "--since=30m"


@contextlib.contextmanager
def held(on_node: Callable[..., str], node: str) -> Iterator[None]:
    """Have the agent of a node do nothing meanwhile; it does not know.

    Tests that run at the same time may hold the same one: the last of them lets it go on.
    """
    with _shared(node) as lock:
        on_node(node, "pkill", "-STOP", "-f", PROCESS)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                on_node(node, "pkill", "-CONT", "-f", PROCESS)


@contextlib.contextmanager
def killed(on_node: Callable[..., str], node: str) -> Iterator[None]:
    """Have it do nothing meanwhile, and then die: the next one hears of nothing that was so."""
    with _shared(node) as lock:
        on_node(node, "pkill", "-STOP", "-f", PROCESS)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
            fcntl.flock(lock, fcntl.LOCK_EX)
            on_node(node, "pkill", "-KILL", "-f", PROCESS)


@contextlib.contextmanager
def _shared(node: str) -> Iterator[IO[str]]:
    """A lock that all have who hold that node's agent."""
    path = pathlib.Path(tempfile.gettempdir(), f"detour-tests-agent-{node}.lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield lock


def rows(kube: Kube, migration: Migration) -> set[str]:
    """The rows of docs/states.md that the agents have applied to its switch, by their logs."""
    name = f"{migration.namespace}/{migration.name}"
    found = set()
    for pod in kube.list("pods", NAMESPACE, "app.kubernetes.io/component=node-agent"):
        told = kube.run("logs", pod["metadata"]["name"], "-n", NAMESPACE, LOOKED_BACK)
        for line in told.splitlines():
            # Python itself may have written another kind of line.
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("switch") == name and "row" in said:
                found.add(str(said["row"]))
    return found
