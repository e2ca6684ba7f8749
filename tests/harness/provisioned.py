"""Block volumes of classes whose driver makes them as soon as a claim asks for one."""

import dataclasses

from guest import manifest
from harness.block import CLEAR, FILL, classes_of
from harness.cluster import Target
from harness.machine import Machine

MIB = 1 << 20


@dataclasses.dataclass
class ProvisionedVolumes:
    """What tests do with `block.BlockVolumes`, on volumes that are not theirs to make.

    The driver may make them larger than the claim asks for (`claims.capacity`).
    """

    target: Target

    @property
    def classes(self) -> tuple[str, str]:
        """Where disks are at first, and where they are moved to."""
        return classes_of(self.target)

    def place(self, node: str) -> str | None:
        """None: where its volumes are is the driver's choice."""
        return None

    def whole(self, size: int) -> int:
        """The bytes to ask for where at least so many are wanted: whole MiB.

        Drivers round to them, and not all of them up (csi-driver-host-path: down).
        """
        return -(-size // MIB) * MIB

    def make(self, node: str | None, storage_class: str, size: int) -> str:
        """Nothing: the claim has the volume made."""
        return ""

    def make_used(self, node: str | None, storage_class: str, size: int) -> str:
        """The same: what an earlier use left is the driver's to take away."""
        return self.make(node, storage_class, size)

    def fill(self, volume: str, claim: str, machine: Machine) -> None:
        """Have a claim that nobody uses hold ones; see `read`."""
        self.read(volume, claim, machine, FILL)

    def clear(self, volume: str, claim: str, machine: Machine) -> None:
        """Have a claim that nobody uses hold zeroes: not every driver makes volumes of them."""
        self.read(volume, claim, machine, CLEAR)

    def read(self, volume: str, claim: str, machine: Machine, script: str) -> str:
        """What a script printed that is given the path of a claim's device, which nobody uses.

        It runs in a pod, on the node of the machine if that runs: a claim that waits for its first
        user gets its volume there.
        """
        kube, name = self.target.kube, f"on-device-{claim}"
        node = machine.instance().get("status", {}).get("nodeName", "")
        pod = manifest.verifier(name, machine.namespace, claim, node=node, volume_mode="Block")
        (container,) = pod["spec"]["containers"]
        container["command"] = ["sh", "-euc", script, "sh", manifest.VERIFIER_DEVICE]
        kube.apply(pod)
        done = "--for=jsonpath={.status.phase}=Succeeded"
        kube.run(
            "wait", f"pod/{name}", "-n", machine.namespace, done, "--timeout=300s", timeout=320
        )
        printed = kube.run("logs", name, "-n", machine.namespace)
        kube.delete("pods", name, machine.namespace)
        return printed
