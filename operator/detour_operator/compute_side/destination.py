"""The destination claim: named by the caller, noted once, and never exchanged after that."""

from detour_crds.attachment_switch import Position
from detour_operator.compute_side import fitting
from detour_operator.compute_side.observation import Claim, Observation
from detour_operator.compute_side.step import Step, record, ref, stall, wait


def destination_noted(seen: Observation) -> Step | None:
    """The next step until the claim the caller names is there and recorded; None then."""
    found, recorded = seen.destination_claim, seen.switch.compute.destination_claim
    if not isinstance(found, Claim):
        name = seen.switch.destination
        message = f"the destination claim {name} does not exist: create it"
        return wait("DestinationNotFound", message, position=Position.FROZEN)
    unfit = fitting.mode(seen)
    if recorded is None and unfit is not None:
        message = f"{unfit.message}; or cancel (spec.position Source)"
        return wait(unfit.reason, message, position=Position.FROZEN)
    if recorded is None:
        message = "the destination is noted"
        return record(
            seen, "Frozen", message, destination_claim=ref(found), position=Position.FROZEN
        )
    if recorded == ref(found):
        return None
    return stall(
        "DestinationReplaced",
        f"the claim {found.name} is another one than was recorded: cancel, and start again",
    )
