"""What a finished move must not leave behind."""

from cluster.provider import UnsupportedError
from harness.cluster import Target
from harness.kube import wait_for
from harness.migration import Migration

OVERLAYS = "/var/lib/detour/switches"


def overlays(target: Target, node: str, uid: str) -> list[str]:
    """Overlay files of a switch on its node.

    Raises:
        UnsupportedError: the node cannot be entered.
    """
    command = ["find", f"{OVERLAYS}/{uid}", "-name", "*.qcow2"]
    return target.provider.node_exec(node, command, check=False).stdout.split()


def assert_none(target: Target, migration: Migration) -> None:
    """See that nothing is left soon.

    A cancelled move has ended before its overlay is removed: the lock waits for no tidying up.

    Raises:
        TimedOutError: something is still there.
    """

    def none() -> bool:
        return not on_node(target, migration)

    wait_for("nothing to be left", none, seconds=60, seen=lambda: on_node(target, migration))


def on_node(target: Target, migration: Migration) -> list[str]:
    """Overlay files, copy Jobs and copier pods that are still there."""
    switch = migration.switch()
    node = switch["status"]["compute"]["node"]
    uid = switch["metadata"]["uid"]
    try:
        found = overlays(target, node, uid)
    except UnsupportedError:
        # The node cannot be entered; the agent's own report has to do.
        overlay = switch["status"]["node"].get("overlay")
        found = [overlay["name"]] if overlay else []
    jobs = target.kube.list("jobs", migration.namespace, "detour.dev/component=copier")
    pods = target.kube.list("pods", migration.namespace, "detour.dev/component=copier")
    return found + [item["metadata"]["name"] for item in jobs + pods]
