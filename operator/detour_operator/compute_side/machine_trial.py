"""Whether the virtual machine could be pointed at the destination, tried while a no does no harm.

That change comes last, when the guest is on the destination and there is no way back: a policy of
the cluster that refuses it then would leave a machine whose next start is on stale data. So it is
tried as a dry run before anything is changed, and once more before the point of no return.
"""

from collections.abc import Mapping
from typing import Any

from detour_crds.attachment_switch import Handover, Order
from detour_crds.volume_migration import HandoverMode
from detour_operator.compute_side import facts, handover
from detour_operator.compute_side.observation import Machine, Observation, Switch
from detour_operator.compute_side.refusal import Refusal
from detour_operator.compute_side.step import Step, stall

REASON = "MachineChangeRefused"

Json = Mapping[str, Any]


def patch(
    switch: Switch, machine: Json, destination: Json | None, *, live: bool
) -> list[handover.Operation]:
    """The change to try; empty where it is not Detour's, or of no use to know now.

    A claim that is still marked as stale is refused by Detour's own policy until the mark is off.
    """
    declared = switch.spec.handover is HandoverMode.WAIT_FOR_DECLARED
    now = not switch.begun or switch.order is Order.MIRRORED
    name, volume = switch.destination, switch.spec.volume
    if declared or not now or name is None:
        return []
    if destination is not None and facts.claim(destination).superseded_for is not None:
        return []
    if facts.machine(machine, volume).claim in (None, name):
        return []
    live = live and switch.compute.handover is not Handover.NOT_PERMITTED
    return handover.hand_machine(machine, volume, name, live=live)


def refusal(seen: Observation) -> Refusal | None:
    """Before the start; None if nothing refuses the change."""
    return _refused(
        seen,
        "Have the cluster allow that change to Detour's operator; or make another migration, with"
        " spec.handover WaitForDeclared, and change the manifest yourself when asked to",
    )


def before_no_return(seen: Observation) -> Step | None:
    """Wait on the way to the destination; None if nothing refuses the change."""
    refused = _refused(
        seen,
        "Nothing is lost, and the guest goes on. Have the cluster allow that change to Detour's"
        " operator, and this goes on by itself; or cancel (spec.cancel), as Detour does itself"
        " after the limit of time (the chart's limits.mergingSeconds)",
    )
    return None if refused is None else stall(refused.reason, refused.message)


def _refused(seen: Observation, advice: str) -> Refusal | None:
    if not seen.machine_refuses or not isinstance(seen.machine, Machine):
        return None
    name = seen.switch.spec.virtual_machine.name
    what = f"VirtualMachine {name} could not be pointed at the claim {seen.switch.destination}"
    return Refusal(REASON, f"{what}: {seen.machine_refuses}. {advice}")
