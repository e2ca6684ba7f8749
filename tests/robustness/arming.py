"""Arms fail points on the nodes, and finds those that were reached (docs/robustness.md)."""

import contextlib
from collections.abc import Iterable, Iterator

from harness.cluster import Target
from harness.install import NAMESPACE
from robustness.scene import NodeOffError, on_node

AGENTS = "/var/lib/detour/fail-points"
OPERATORS = "/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/fail-points"
HIT = ".hit"
ARM = """
mkdir -p "$1"
cd "$1"
told=$2
shift 2
for point; do printf %s "$told" >"$point"; done
"""
EMPTY = 'cd "$1" 2>/dev/null && find . -type f -delete; true'
REMOVE = 'rm -rf "$1"'


class Points:
    """The fail points of all operators, and of the agents of all nodes."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def arm(self, points: Iterable[str], told: str = "kill") -> None:
        """Have each of the points be hit once by whoever gets there first on each node.

        Args:
            points: their names.
            told: ``kill``, or the seconds to be held up for.
        """
        wanted = list(points)
        for node, folder, is_agents in self._folders():
            mine = [point for point in wanted if point.startswith("agent.") == is_agents]
            if mine:
                self._run(node, ARM, folder, told, *mine)

    def hit(self) -> set[str]:
        """Those that were reached since they were armed, whatever came of it."""
        found = set()
        for node, folder, _ in self._folders():
            with contextlib.suppress(NodeOffError):
                listed = self._run(node, 'ls "$1" 2>/dev/null; true', folder).split()
                found |= {name.removesuffix(HIT) for name in listed if name.endswith(HIT)}
        return found

    def disarm(self) -> None:
        """Forget all of them, and which were reached."""
        for node, folder, is_agents in self._folders():
            with contextlib.suppress(NodeOffError):
                self._run(node, REMOVE if is_agents else EMPTY, folder)

    def _folders(self) -> Iterator[tuple[str, str, bool]]:
        for node in self._target.nodes:
            yield node, AGENTS, True
        selector = "app.kubernetes.io/component=operator"
        for pod in self._target.kube.list("pods", NAMESPACE, selector):
            # The folder of one that ends may be gone, and must not be made again.
            ends = "deletionTimestamp" in pod["metadata"]
            if pod["status"]["phase"] == "Running" and not ends:
                folder = OPERATORS.format(uid=pod["metadata"]["uid"])
                yield pod["spec"]["nodeName"], folder, False

    def _run(self, node: str, script: str, *words: str) -> str:
        return on_node(self._target, node, "sh", "-euc", script, "sh", *words)
