"""A cluster that someone else made, with KubeVirt and storage in it; it is only used."""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import given, tools
from cluster.kubectl import Kubectl
from cluster.process import run, wait_until
from cluster.provider import UnsupportedError

REQUIRED = ("KUBECONFIG", "IMAGE_LOAD", "SOURCE_CLASS", "DESTINATION_CLASS")


def takes_pods(spec: Mapping[str, Any]) -> bool:
    """Whether a node with this `spec` takes pods that tolerate nothing."""
    closing = {"NoSchedule", "NoExecute"}
    tainted = any(taint["effect"] in closing for taint in spec.get("taints", []))
    return not tainted and not spec.get("unschedulable", False)


class ExistingProvider:
    """Uses a cluster by what the variables say.

    KUBECONFIG, SOURCE_CLASS and DESTINATION_CLASS name what they say; SHARED_CLASS may, and
    BLOCK_CLASSES, CSI_CLASSES and SNAPSHOT_CLASS (`given.VARIABLES`). Commands, split as a shell
    splits words but run without one: IMAGE_LOAD with "{archive}" brings an image to all nodes.
    NODE_EXEC with "{node}" is put before a command to run it on a node, POWER_OFF and POWER_ON
    with "{node}" change its power. Tests that need what is missing are skipped.
    """

    name = "existing"

    def __init__(self, environment: Mapping[str, str]) -> None:
        missing = [variable for variable in REQUIRED if not environment.get(variable)]
        if missing:
            raise LookupError(f"PROVIDER=existing needs the variables {', '.join(missing)}")
        self._environment = environment
        self.classes = given.classes(environment)

    def create(self) -> None:
        """Builds kubectl and helm, and looks whether the cluster has what was promised.

        Raises:
            LookupError: It has not; all that is missing is named.
        """
        tools.ensure("kubectl", "helm")
        wait_until(self._kubectl.answers, "the API server", 60)
        missing = given.missing(self.classes, self._kubectl.classes())
        if missing:
            raise LookupError("; ".join(missing))

    def load_image(self, archive: Path) -> None:
        """Runs IMAGE_LOAD."""
        run(self._words("IMAGE_LOAD", archive=str(archive)))

    def kubeconfig(self) -> Path:
        """KUBECONFIG."""
        return Path(self._environment["KUBECONFIG"]).absolute()

    def nodes(self) -> list[str]:
        """The nodes that are Ready and take pods."""
        listed = json.loads(self._kubectl("get", "nodes", "--output=json"))["items"]
        open_ones = {node["metadata"]["name"] for node in listed if takes_pods(node["spec"])}
        return sorted(open_ones & self._kubectl.ready_nodes())

    def node_exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 120,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs NODE_EXEC followed by the command; UnsupportedError without it."""
        words = [*self._words("NODE_EXEC", node=node), *argv]
        return run(words, check=check, timeout=timeout, stdin=stdin)

    def make_device(self, node: str, name: str, size: int, *, sector: int = 512) -> str:
        """Not to be had: the nodes' devices are not ours."""
        raise UnsupportedError(f"no block devices can be made on {node}")

    def remove_device(self, name: str) -> None:
        """There is none."""

    def add_api_server(self) -> str:
        """Not possible."""
        raise UnsupportedError("no API server can be added to this cluster")

    def remove_api_server(self) -> None:
        """Nothing was added."""

    def power_off(self, node: str) -> None:
        """Runs POWER_OFF; UnsupportedError without it."""
        run(self._words("POWER_OFF", node=node))

    def power_on(self, node: str) -> None:
        """Runs POWER_ON; UnsupportedError without it."""
        run(self._words("POWER_ON", node=node))
        wait_until(lambda: node in self._kubectl.ready_nodes(), f"{node} to be Ready", 600)

    def destroy(self) -> None:
        """Does nothing: the cluster is not ours."""

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig())

    def _words(self, variable: str, **values: str) -> list[str]:
        command = self._environment.get(variable)
        if not command:
            raise UnsupportedError(f"this cluster was given without the variable {variable}")
        return [word.format_map(values) for word in shlex.split(command)]
