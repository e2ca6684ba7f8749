"""What a finished move must not leave behind."""

from harness.cluster import Target
from harness.migration import Migration

OVERLAYS = "/var/lib/detour/switches"


def on_node(target: Target, migration: Migration) -> list[str]:
    """Overlay files, copy Jobs and copier pods that are still there."""
    switch = migration.switch()
    node = switch["status"]["compute"]["node"]
    uid = switch["metadata"]["uid"]
    found = target.provider.node_exec(
        node, ["find", f"{OVERLAYS}/{uid}", "-name", "*.qcow2"], check=False
    ).stdout.split()
    jobs = target.kube.list("jobs", migration.namespace, "detour.dev/component=copier")
    pods = target.kube.list("pods", migration.namespace, "detour.dev/component=copier")
    return found + [item["metadata"]["name"] for item in jobs + pods]
