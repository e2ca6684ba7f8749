"""The holder: a pod that keeps the destination attached to the guest's node."""

from detour_operator.compute_side.actions import CreateHolder, DeleteHolder
from detour_operator.compute_side.observation import Claim, Nothing, Observation, Pod
from detour_operator.compute_side.step import Step, act, record, ref, wait


def hold(seen: Observation) -> Step | None:
    """The next step until the holder runs and is recorded; None then.

    None, too, while there is no destination claim: a caller may make it from the frozen source.
    """
    claim, holder, node = seen.destination_claim, seen.holder, seen.switch.compute.node
    if not isinstance(claim, Claim) or node is None:
        return None
    if not isinstance(holder, Pod):
        message = f"creating the pod that holds the destination {claim.name} on {node}"
        return act("Holding", message, CreateHolder(claim.name, node))
    if holder.deleting:
        return wait("Holding", f"waiting for the old holder pod {holder.name} to be gone")
    if not _is_ours(seen, holder, claim):
        message = f"the holder pod {holder.name} is of an older attempt: replacing it"
        return act("Holding", message, DeleteHolder(holder.uid))
    if not holder.running:
        trouble = f": {holder.trouble}" if holder.trouble else ""
        return wait("Holding", f"waiting for the holder pod {holder.name} to run{trouble}")
    if seen.switch.compute.holder_pod != ref(holder):
        return record(seen, "Holding", "the destination is held", holder_pod=ref(holder))
    return None


def _is_ours(seen: Observation, holder: Pod, claim: Claim) -> bool:
    launcher = seen.switch.compute.launcher_pod
    owned = launcher is not None and holder.owner == launcher.uid
    return owned and claim.name in holder.claims and holder.phase not in ("Succeeded", "Failed")


def let_go(seen: Observation) -> Step | None:
    """The next step until the holder is gone; None then."""
    if seen.holder is Nothing.ABSENT:
        return None
    if isinstance(seen.holder, Pod) and not seen.holder.deleting:
        message = f"deleting the holder pod {seen.holder.name}"
        return act("CleaningUp", message, DeleteHolder(seen.holder.uid))
    return wait("CleaningUp", "waiting for the holder pod to be gone")
