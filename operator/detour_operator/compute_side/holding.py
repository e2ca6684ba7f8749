"""The holder: a pod that keeps the destination attached to the guest's node."""

import dataclasses
from collections.abc import Callable
from typing import Any

from detour_operator.compute_side import guest
from detour_operator.compute_side.actions import Action, CreateHolder, DeleteHolder
from detour_operator.compute_side.observation import Claim, Nothing, Observation, Pod
from detour_operator.compute_side.step import Step, act, record, ref, wait


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claim that a holder is to keep; ``recorded`` is the field of ``status.compute``."""

    pod: Pod | Nothing
    claim: Claim
    recorded: str
    what: str
    create: Action
    delete: Callable[[str], Action]


def hold(seen: Observation) -> Step | None:
    """The next step until the holder runs and is recorded; None then.

    None, too, while there is no destination claim: a caller may make it from the frozen source.
    """
    claim, node = seen.destination_claim, seen.switch.compute.node
    if not isinstance(claim, Claim) or node is None:
        return None
    return held(
        seen,
        Held(
            pod=seen.holder,
            claim=claim,
            recorded="holder_pod",
            what="the destination",
            create=CreateHolder(claim.name, node),
            delete=DeleteHolder,
        ),
    )


def held(seen: Observation, of: Held) -> Step | None:
    """The next step until a claim's holder runs on the guest's node and is recorded.

    None, too, where none can be made any more: what the guest has open it keeps without.
    """
    pod, node = of.pod, seen.switch.compute.node
    if seen.namespace_ends is True and not isinstance(pod, Pod):
        return None
    if not isinstance(pod, Pod):
        message = f"creating the pod that holds {of.what} {of.claim.name} on {node}"
        return act("Holding", message, of.create)
    if pod.deleting:
        return wait("Holding", f"waiting for the old holder pod {pod.name} to be gone")
    if not _is_ours(seen, pod, of.claim):
        message = f"the holder pod {pod.name} is of an older attempt: replacing it"
        return act("Holding", message, of.delete(pod.uid))
    if not pod.running:
        trouble = f": {pod.trouble}" if pod.trouble else ""
        return wait("Holding", f"waiting for the holder pod {pod.name} to run{trouble}")
    if getattr(seen.switch.compute, of.recorded) != ref(pod):
        noted: dict[str, Any] = {of.recorded: ref(pod)}
        return record(seen, "Holding", f"{of.what} is held", **noted)
    return None


def _is_ours(seen: Observation, holder: Pod, claim: Claim) -> bool:
    launcher = seen.switch.compute.launcher_pod
    owned = launcher is not None and holder.owner == launcher.uid
    return owned and claim.name in holder.claims and holder.phase not in ("Succeeded", "Failed")


def let_go(seen: Observation) -> Step | None:
    """The next step until the holder is gone, or need not be waited for; None then."""
    if guest.let_go(seen, seen.holder):
        return None
    if isinstance(seen.holder, Pod) and not seen.holder.deleting:
        message = f"deleting the holder pod {seen.holder.name}"
        return act("CleaningUp", message, DeleteHolder(seen.holder.uid))
    return wait("CleaningUp", "waiting for the holder pod to be gone")
