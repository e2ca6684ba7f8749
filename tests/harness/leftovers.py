"""What a move that has ended must not leave behind."""

from cluster.provider import UnsupportedError
from harness.cluster import Target
from harness.facts import Facts
from harness.kube import Kube, KubectlError, Object, wait_for
from harness.machine import Machine
from harness.migration import Migration

OVERLAYS = "/var/lib/detour/switches"
"""The chart's ``nodeAgent.stateDirectory``. The folder of a switch with its record is kept there
for weeks after its end (docs/states.md), which tells this path from a wrong one."""
FENCE = "fence.detour.dev/"
PODS = ("copier", "finisher")
NODES = '{"execute": "query-named-block-nodes", "arguments": {"flat": true}}'


def overlays(target: Target, node: str, uid: str) -> list[str]:
    """Overlay files of a switch on a node, which need not have any record of it.

    Raises:
        UnsupportedError: the node cannot be entered.
    """
    command = ["find", f"{OVERLAYS}/{uid}", "-name", "*.qcow2"]
    return target.provider.node_exec(node, command, check=False).stdout.split()


def assert_recorded(target: Target, node: str, uid: str) -> None:
    """See that the agent of that node has the record of a switch that it has worked on.

    Without it, that no overlay is found says nothing.

    Raises:
        UnsupportedError: the node cannot be entered.
    """
    folder = f"{OVERLAYS}/{uid}"
    looked = target.provider.node_exec(node, ["test", "-d", folder], check=False)
    assert looked.returncode == 0, f"no {folder} on {node}: is that the agent's directory?"


def assert_none(target: Target, migration: Migration) -> None:
    """See that nothing is left soon of a live move whose guest still runs.

    A cancelled move has ended before its overlay is removed: the lock waits for no tidying up.
    The pod that holds the destination stays until the launcher pod ends, and so do its budget and
    the destination's mount over the source's path.

    Raises:
        TimedOutError: something is still there.
    """

    def left() -> list[str]:
        return in_api(target.kube, migration) + on_node(target, migration)

    wait_for("nothing to be left", lambda: not left(), seconds=60, every=1, seen=left)


def in_api(kube: Kube, migration: Migration) -> list[str]:
    """Objects that are still there, an open fence, and what its launcher shows."""
    namespace, switch = migration.namespace, migration.switch()
    pods = PODS if switch["status"]["position"] == "Destination" else (*PODS, "holder")
    found = []
    for component in pods:
        selector = f"detour.dev/component={component}"
        found += names("pod", kube.list("pods", namespace, selector))
    found += names("job", kube.list("jobs", namespace, "detour.dev/component=copier"))
    overlay = "detour.dev/component=overlay"
    found += names("claim", kube.list("persistentvolumeclaims", namespace, overlay))
    budget = f"detour-{migration.name}"
    if kube.get("poddisruptionbudgets", budget, namespace) is not None:
        found.append(f"budget {budget}")
    machine = Machine(kube, namespace, switch["spec"]["virtualMachine"]["name"])
    annotations = machine.instance().get("metadata", {}).get("annotations") or {}
    found += [f"annotation {name}" for name in annotations if name.startswith(FENCE)]
    return found + in_launcher(machine)


def in_launcher(machine: Machine) -> list[str]:
    """What is still mounted or made in a running guest's launcher, or open in its QEMU.

    What cannot be looked at counts as left.
    """
    facts = Facts(machine.kube, machine)
    try:
        listed = machine.in_launcher("ls", "/var/run/kubevirt-private", "/dev").split()
        nodes = facts.virsh("qemu-monitor-command", facts.domain, NODES)
    except KubectlError as error:
        return [str(error)]
    found = [f"in the launcher: {name}" for name in listed if name.startswith("detour-")]
    return [*found, *(["a block node in QEMU"] if "detour-" in nodes else [])]


def on_node(target: Target, migration: Migration) -> list[str]:
    """Overlay files, and mounts of their folder.

    Raises:
        AssertionError: the node has no record of the switch, so that nothing can be said.
    """
    switch = migration.switch()
    node = switch["status"]["compute"]["node"]
    uid = switch["metadata"]["uid"]
    try:
        assert_recorded(target, node, uid)
        mounts = target.provider.node_exec(node, ["cat", "/proc/self/mountinfo"]).stdout
        mounted = [f"a mount of {uid} on {node}"] if uid in mounts else []
        return overlays(target, node, uid) + mounted
    except UnsupportedError:
        # The node cannot be entered; the agent's own report has to do.
        overlay = switch["status"]["node"].get("overlay")
        return [overlay["name"]] if overlay else []


def names(kind: str, items: list[Object]) -> list[str]:
    """Objects, as a failed test names them."""
    return [f"{kind} {item['metadata']['name']}" for item in items]
