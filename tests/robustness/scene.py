"""The move that a run makes, as its faults see it."""

import dataclasses
from collections.abc import Iterator

from harness.cluster import Target
from harness.install import NAMESPACE
from harness.kube import Kube, Object
from harness.machine import Machine
from harness.migration import Migration
from robustness.plan import Move

OPERATOR, AGENT, COPIER, HOLDER = "operator", "node-agent", "copier", "holder"
OURS = (OPERATOR, AGENT)


class NothingThereError(Exception):
    """What the fault is for is not there at this moment."""


class NodeOffError(Exception):
    """The node has no power."""


def on_node(target: Target, node: str, *command: str, check: bool = True) -> str:
    """What a command printed on a node.

    Raises:
        NodeOffError: it has no power.
        CommandError: the command failed, and ``check`` was asked for.
    """
    try:
        return target.provider.node_exec(node, command, check=check).stdout
    except LookupError as error:
        raise NodeOffError(str(error)) from error


@dataclasses.dataclass
class Scene:
    """One machine and its migration, on a cluster.

    Attributes:
        node: the guest's, as long as nothing has ended it.
        migrations: the first is the one that the faults are timed by.
        manifests: as they were applied.
    """

    target: Target
    machine: Machine
    move: Move
    node: str
    migrations: list[Migration] = dataclasses.field(default_factory=list)
    manifests: list[Object] = dataclasses.field(default_factory=list)

    @property
    def kube(self) -> Kube:
        return self.target.kube

    @property
    def migration(self) -> Migration:
        return self.migrations[0]

    def apply(self, manifest: Object) -> Migration:
        """Ask for one more move."""
        self.kube.apply(manifest)
        meta = manifest["metadata"]
        self.manifests.append(manifest)
        self.migrations.append(Migration(self.kube, meta["name"], meta["namespace"]))
        return self.migrations[-1]

    def on_node(self, node: str, *command: str, check: bool = True) -> str:
        """As the function."""
        return on_node(self.target, node, *command, check=check)

    def pods(self, who: str) -> list[Object]:
        """The pods of a part of Detour that matter here, each of them on a node.

        Raises:
            NothingThereError: there are none now.
        """
        found = [pod for pod in self._pods(who) if pod["spec"].get("nodeName")]
        if not found:
            raise NothingThereError(f"no {who} now")
        return found

    def _pods(self, who: str) -> Iterator[Object]:
        if who not in OURS:
            selector = f"detour.dev/component={who}"
            yield from self.kube.list("pods", self.machine.namespace, selector)
            return
        leader = self.leader() if who == OPERATOR else ""
        for pod in self.kube.list("pods", NAMESPACE, f"app.kubernetes.io/component={who}"):
            here = pod["spec"].get("nodeName") == self.node
            if pod["metadata"]["name"] == leader or (who == AGENT and here):
                yield pod

    def leader(self) -> str:
        """The pod of the operator that reconciles."""
        lease = self.kube.get("leases", "detour-operator", NAMESPACE) or {}
        return str(lease.get("spec", {}).get("holderIdentity", ""))
