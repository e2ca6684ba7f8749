"""The budget: it has whoever drains the node wait until the disk has moved.

KubeVirt's own webhook answers first for a machine that it would live-migrate, and evacuates it
once the lock is off. Any other would simply be ended: nothing but a budget is in the way of an
eviction then (KubeVirt facts 6.6 and 11). A running pod that is not ready is kept as well.
"""

from typing import Any, Final

from detour_crds.names import API_VERSION, COMPONENT_LABEL
from detour_operator.compute_side.actions import CreateBudget, DeleteBudget
from detour_operator.compute_side.facts import CREATED_BY_LABEL
from detour_operator.compute_side.guest import at_end
from detour_operator.compute_side.observation import Budget, Nothing, Observation
from detour_operator.compute_side.step import Step, act, wait

BUDGET: Final = "budget"


def budget_name(switch: str) -> str:
    """One name per switch, which tells whoever meets it what it is for."""
    return f"detour-{switch}"[:253].rstrip("-.")


def put_up(seen: Observation) -> Step | None:
    """The next step until the running instance has its budget; None then."""
    instance, budget = seen.own_instance, seen.budget
    if instance is None:
        return None
    if not isinstance(budget, Budget):
        message = "having evictions of the virtual machine wait"
        return act("Preparing", message, CreateBudget(instance.uid))
    if budget.deleting:
        return wait("Preparing", f"waiting for the old budget {budget.name} to be gone")
    if budget.instance != instance.uid:
        message = f"the budget {budget.name} is of an older instance: replacing it"
        return act("Preparing", message, DeleteBudget(budget.uid))
    return None


def keep_up(seen: Observation) -> Step | None:
    """Put a budget back that somebody has removed; None while it is not needed any more.

    In a namespace that is being deleted it could not be made: the way to the end must be free.
    """
    ending = seen.switch.deleting or seen.namespace_ends is True
    needed = seen.alive and not at_end(seen) and not ending
    return put_up(seen) if needed else None


def take_down(seen: Observation) -> Step | None:
    """The next step until there is no budget; None then."""
    budget = seen.budget
    if budget is Nothing.ABSENT:
        return None
    if isinstance(budget, Budget) and not budget.deleting:
        message = "letting the virtual machine be evicted again"
        return act("CleaningUp", message, DeleteBudget(budget.uid))
    return wait("CleaningUp", "waiting for the budget to be gone")


def manifest(namespace: str, switch: str, switch_uid: str, instance_uid: str) -> dict[str, Any]:
    """The budget to create; it goes with the switch, if nobody removes it before."""
    owner = {
        "apiVersion": API_VERSION,
        "kind": "AttachmentSwitch",
        "name": switch,
        "uid": switch_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": budget_name(switch),
            "namespace": namespace,
            "labels": {COMPONENT_LABEL: BUDGET},
            "ownerReferences": [owner],
        },
        "spec": {
            # A share of the pods would need an owner that can be scaled, which an instance is not.
            "minAvailable": 1,
            "selector": {"matchLabels": {CREATED_BY_LABEL: instance_uid}},
        },
    }
