"""The bridge that all machines are plugged into, and the host's routes to their pods."""

from pathlib import Path

from cluster.local import layout
from cluster.local.layout import Node
from cluster.process import run


def make_bridge() -> None:
    """Makes the bridge with the control plane's address, unless it is there."""
    if not exists(layout.BRIDGE):
        run(["ip", "link", "add", layout.BRIDGE, "type", "bridge"])
        run(["ip", "address", "add", f"{layout.GATEWAY}/24", "dev", layout.BRIDGE])
    run(["ip", "link", "set", layout.BRIDGE, "up"])


def add_address(address: str) -> None:
    """Gives the bridge one more address, unless it has it."""
    run(["ip", "address", "replace", f"{address}/24", "dev", layout.BRIDGE])


def remove_address(address: str) -> None:
    """Takes an address off the bridge; one that is not there is no error."""
    run(["ip", "address", "delete", f"{address}/24", "dev", layout.BRIDGE], check=False)


def plug_in(node: Node, pid: int) -> None:
    """Connects a node's network to the bridge and routes its pods' addresses to it.

    Args:
        node: The node.
        pid: Its first process.
    """
    unplug(node)
    peer = ["peer", "name", "eth0", "netns", str(pid)]
    run(["ip", "link", "add", node.interface, "type", "veth", *peer])
    run(["ip", "link", "set", node.interface, "master", layout.BRIDGE, "up"])
    run(["ip", "route", "replace", node.pod_subnet, "via", node.address, "dev", layout.BRIDGE])


def unplug(node: Node) -> None:
    """Takes a node's cable away; the kernel also does, some time after the node's end."""
    # It may vanish between a look and the deletion: what counts is that it is gone.
    run(["ip", "link", "delete", node.interface], check=False)
    if exists(node.interface):
        raise RuntimeError(f"the interface {node.interface} cannot be removed")


def remove() -> None:
    """Takes all of it away."""
    for node in layout.NODES:
        unplug(node)
    if exists(layout.BRIDGE):
        run(["ip", "link", "delete", layout.BRIDGE])


def exists(interface: str) -> bool:
    """Whether this host has an interface of that name."""
    return Path("/sys/class/net", interface).exists()
