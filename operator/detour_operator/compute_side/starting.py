"""Check before a start: a machine without an instance is a stopped one only if it stays so.

While a DataVolume is imported, and between the tries to start a guest that does not come up,
KubeVirt has no instance, for minutes (its ``pkg/virt-controller/watch/vm/vm.go``). To lock such a
machine would keep it from starting for as long as the copy takes, and a claim that it has never
started from has no image yet.
"""

from detour_operator.compute_side.observation import Claim, Machine, Nothing, Observation
from detour_operator.compute_side.refusal import Refusal


def machine(seen: Observation) -> Refusal | None:
    """Refuses one that KubeVirt is about to start, unless Detour's own mark keeps it from that."""
    machine = seen.machine
    if seen.instance is not Nothing.ABSENT or not isinstance(machine, Machine):
        return None
    if not machine.starts or _is_kept(seen, machine):
        return None
    shown = f", {machine.shown}" if machine.shown else ""
    message = (
        f"VirtualMachine {machine.name} has no instance yet, and KubeVirt starts it by itself"
        f" (runStrategy {machine.starts}{shown}): wait until it runs; if it cannot, or is not to,"
        " set spec.runStrategy to Halted, and its disk is moved while it is stopped"
    )
    return Refusal("VirtualMachineStarting", message)


def _is_kept(seen: Observation, machine: Machine) -> bool:
    """Whether it cannot start from its claim, from which its disk was moved away (rule R10)."""
    source, volume = seen.source_claim, seen.switch.spec.volume
    return isinstance(source, Claim) and source.superseded_for == f"{machine.name}/{volume}"
