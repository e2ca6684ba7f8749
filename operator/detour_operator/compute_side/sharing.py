"""Checks before a start: nobody but the virtual machine itself has the disk, now or later.

What another one writes to it would be lost; and one that is started from the old claim after the
move would go on with another disk than the one that was moved, without a word.
"""

from detour_operator.compute_side.observation import Claim, Instance, Machine, Observation
from detour_operator.compute_side.refusal import Refusal

IN_USE = "SourceClaimInUse"


def disk(seen: Observation) -> Refusal | None:
    """Refuses a disk that KubeVirt lets several machines have, whether this one runs or not."""
    told = (seen.machine, seen.instance)
    if not any(isinstance(item, Machine | Instance) and item.shareable for item in told):
        return None
    message = (
        f"the disk {seen.switch.spec.volume} is shareable: a disk that others write to cannot be"
        " frozen, nor moved without them; if nobody else has it, take shareable off the disk in"
        " the virtual machine, and restart that if it runs"
    )
    return Refusal("DiskShareable", message)


def claim(seen: Observation) -> Refusal | None:
    """Refuses a source that other pods use, or that other machines name in their templates."""
    source = seen.source_claim
    if not isinstance(source, Claim):
        return None
    if seen.source_users:
        message = f"the source claim {source.name} is used by {_names(seen.source_users)} too"
        return Refusal(IN_USE, f"{message}: end that first")
    if seen.source_machines:
        message = (
            f"the source claim {source.name} is a disk of VirtualMachine"
            f" {_names(seen.source_machines)} too, which would go on with the old disk after the"
            " move, whether it runs now or not: take that volume off it, or give it a claim of"
            " its own"
        )
        return Refusal(IN_USE, message)
    return None


def _names(found: object) -> str:
    return ", ".join(found) if isinstance(found, tuple) else ""
