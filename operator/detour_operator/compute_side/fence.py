"""Steps about the instance (VMI): the fence around its handover, and the handover itself.

Recovery rule R5: every patch of the handover tests the instance's uid, the claim it replaces and
the fence annotation, so that a late one meets a closed fence; the fence closes before every unlock
and before the order Source.
"""

from detour_operator.compute_side.actions import (
    CloseFence,
    FinishInstance,
    HandInstance,
    OpenFence,
)
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.step import Step, act, stall, wait


def open_fence(seen: Observation) -> Step | None:
    """Open the fence with the present token; None if it is, or if the instance is gone."""
    instance, token = seen.own_instance, seen.switch.compute.token
    if instance is None or not token or instance.fence == token:
        return None
    return act("OpeningFence", "allowing the instance's handover", OpenFence(token))


def close_fence(seen: Observation) -> Step | None:
    """Close the fence; None once it is seen to be closed, or if the instance is gone."""
    instance = seen.own_instance
    if instance is None or instance.fence is None:
        return None
    return act("ClosingFence", "ending the permission to hand the instance over", CloseFence())


def point_instance_at(seen: Observation, claim: str) -> Step | None:
    """Have the instance name the claim; None once it is seen to, without ``migratedVolumes``.

    An instance that has ended is left alone: nothing starts from it.
    """
    instance = seen.own_instance
    if instance is None or instance.final:
        return None
    if instance.handing_over:
        return act("HandingOver", "ending the instance's handover", FinishInstance())  # row U6
    if instance.claim == claim:
        return None
    if instance.claim not in (seen.switch.source, seen.switch.destination):
        return stall(
            "ClaimsDiffer",
            f"the instance {instance.name} names {instance.claim}, which is neither source nor"
            " destination: point it at one of them, then this goes on by itself",
        )
    token = seen.switch.compute.token or ""
    hand = HandInstance(old=instance.claim or "", new=claim, token=token)
    return open_fence(seen) or act("HandingOver", f"pointing the instance at {claim}", hand)


def noted_by_kubevirt(seen: Observation) -> Step | None:
    """Wait until KubeVirt's controller shows the claim that the instance names.

    Until it has, it would take the strategy Migration on the virtual machine for the wish to move
    the volume itself (KubeVirt facts 6.3).
    """
    instance = seen.own_instance
    if instance is None or instance.final or instance.claim_in_status in (None, instance.claim):
        return None
    return wait("HandingOver", f"waiting for KubeVirt to take note of the claim {instance.claim}")
