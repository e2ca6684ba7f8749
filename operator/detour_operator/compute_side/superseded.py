"""Recovery rule R10: the claim a disk was moved away from is marked as stale.

So is the one it was moved to, as that: a machine's manifest may name any claim, and only this mark
tells one that has the disk from one that nothing was copied to, whatever became of the source.

The admission policies read the mark: nobody can have the virtual machine, or an instance of it,
start that disk from the claim again, by hand or from Git, whether or not the objects of the move
still exist. The mark is on before the lock comes off, and is off the destination (which may have
been a source once) before the machine is pointed at it.
"""

from detour_operator.compute_side.actions import MarkFilled, MarkSuperseded, TakeMarkOff
from detour_operator.compute_side.observation import Claim, Observation
from detour_operator.compute_side.step import Step, act, ref


def mark_source(seen: Observation) -> Step | None:
    """Mark the recorded source, never a later claim of its name; None once that is seen."""
    source, by = seen.source_claim, seen.switch.destination or ""
    if not isinstance(source, Claim) or ref(source) != seen.switch.compute.source_claim:
        return None
    disk = _disk(seen)
    if source.deleting or (source.superseded_for, source.superseded_by) == (disk, by):
        return None
    message = f"marking the claim {source.name} as stale"
    return act("CleaningUp", message, MarkSuperseded(disk=disk, by=by))


def mark_destination(seen: Observation) -> Step | None:
    """Mark the recorded destination, which has all of the disk; None once that is seen."""
    destination, disk = seen.destination_claim, _disk(seen)
    if not isinstance(destination, Claim) or destination.deleting or destination.holds == disk:
        return None
    if ref(destination) != seen.switch.compute.destination_claim:
        return None
    message = f"marking the claim {destination.name} as the one the disk is on"
    return act("CleaningUp", message, MarkFilled(disk=disk))


def unmark_destination(seen: Observation) -> Step | None:
    """Take the mark of an earlier move off the destination before it is written to.

    Of this move nothing says that it has the disk until it has; None once that is seen.
    """
    destination = seen.destination_claim
    if not isinstance(destination, Claim) or destination.holds is None:
        return None
    message = f"the claim {destination.name} is to be written over"
    return act("Preparing", message, MarkFilled(disk=None))


def take_off_destination(seen: Observation) -> Step | None:
    """Take the mark off the destination, which is what counts now; None once that is seen."""
    destination = seen.destination_claim
    if not isinstance(destination, Claim) or destination.superseded_for is None:
        return None
    if ref(destination) != seen.switch.compute.destination_claim:
        return None
    message = f"the claim {destination.name} is not stale any more"
    return act("HandingOver", message, TakeMarkOff())


def _disk(seen: Observation) -> str:
    return f"{seen.switch.spec.virtual_machine.name}/{seen.switch.spec.volume}"
