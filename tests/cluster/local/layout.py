"""Names, addresses and places of the local cluster."""

from dataclasses import dataclass
from pathlib import Path

from cluster import paths

CONTROL_PLANE = "control-plane"
SECOND_SERVER = "second-api-server"
BRIDGE = "detour0"
GATEWAY = "10.111.0.1"
SECOND_ADDRESS = "10.111.0.2"
NODE_SUBNET = "10.111.0.0/24"
POD_SUBNETS = "10.112.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
API_PORT = 6443
API_SERVER = f"https://{GATEWAY}:{API_PORT}"
# On the loopback, away from the ports that another etcd on this machine would take.
ETCD_CLIENT = "https://127.0.0.1:12379"
ETCD_PEER = "https://127.0.0.1:12380"
PAUSE_IMAGE = "localhost/detour-busybox:dev"

# What a node sees, whatever the place of the repository: AF_UNIX paths have 108 bytes.
NODE_FOLDER = "/run/detour/node"
NODE_BINARIES = "/run/detour/bin"
NODE_LOGS = "/run/detour/logs"


@dataclass(frozen=True)
class Node:
    """A node of the cluster.

    Attributes:
        name: Its name in Kubernetes.
        number: 1 for the first.
    """

    name: str
    number: int

    @property
    def address(self) -> str:
        """Its address on the bridge."""
        return f"10.111.0.{10 + self.number}"

    @property
    def pod_subnet(self) -> str:
        """Where its pods' addresses are from."""
        return f"10.112.{self.number}.0/24"

    @property
    def interface(self) -> str:
        """The bridge's end of its cable."""
        return f"detour{self.number}"

    @property
    def cgroup(self) -> str:
        """The control group that holds its pods, from the root of every controller."""
        return f"detour-{self.name}"


NODES = (Node("node-1", 1), Node("node-2", 2))


def node(name: str) -> Node:
    """The node of that name.

    Raises:
        LookupError: There is none.
    """
    for candidate in NODES:
        if candidate.name == name:
            return candidate
    raise LookupError(f"there is no node {name}")


def state() -> Path:
    """The folder of the whole cluster."""
    return paths.state()


def folder(machine: str) -> Path:
    """The disk and the settings of one machine."""
    return state() / "machines" / machine


def certificates() -> Path:
    """The authorities and what they signed for the control plane and for administrators."""
    return folder(CONTROL_PLANE) / "pki"


def kubeconfig() -> Path:
    """The administrator's."""
    return state() / "kubeconfig"
