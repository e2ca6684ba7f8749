"""``updateVolumesStrategy``: with Migration KubeVirt moves a volume itself (KubeVirt facts 6.2).

It is off, and seen to be off, from before the order Overlay until the machine is handed over, or
was cancelled: else KubeVirt would move the volume back once the instance is handed over.
"""

from detour_operator.compute_side.actions import PutStrategyBack, TakeStrategyOff
from detour_operator.compute_side.fence import noted_by_kubevirt
from detour_operator.compute_side.observation import Machine, Observation
from detour_operator.compute_side.step import Step, act, record, stall

MIGRATION = "Migration"


def take_off(seen: Observation) -> Step | None:
    """Note what it was, then take it off; None once it is seen to be off."""
    machine = seen.machine
    if not isinstance(machine, Machine):
        return None
    if seen.switch.compute.strategy_before is None:
        message = "noting the virtual machine's update strategy"
        return record(seen, "Preparing", message, strategy_before=machine.strategy)
    if machine.strategy != MIGRATION:
        return None
    return act("Preparing", "taking the update strategy Migration off", TakeStrategyOff())


def put_back(seen: Observation) -> Step | None:
    """Put back what was noted; None once that is seen."""
    machine, before = seen.machine, seen.switch.compute.strategy_before
    if not isinstance(machine, Machine) or before is None or machine.strategy == before:
        return None
    if machine.claim != seen.switch.source:
        return stall(
            "ClaimsDiffer",
            f"VirtualMachine {machine.name} names {machine.claim}, not the source"
            f" {seen.switch.source}: put the source back, then this goes on by itself",
        )
    message = f"putting the update strategy {before or '(none)'} back"
    return noted_by_kubevirt(seen) or act("CleaningUp", message, PutStrategyBack(before))
