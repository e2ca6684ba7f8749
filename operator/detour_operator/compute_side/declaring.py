"""``handover: WaitForDeclared``: whoever keeps the manifest points the machine at the destination.

Everything else is done by then: the guest writes to the destination and, if that is permitted, the
instance names it. ``Handover.WAITING`` is what the admission policy lets that one change through
on: recorded only when KubeVirt shows the instance on the destination, for else it would take the
new manifest for the wish to move the volume itself (KubeVirt facts 6.3, 11).
"""

from detour_crds.attachment_switch import Handover
from detour_crds.volume_migration import HandoverMode
from detour_operator.compute_side.fence import noted_by_kubevirt
from detour_operator.compute_side.observation import Machine, Observation
from detour_operator.compute_side.step import Step, record, wait

REASON = "WaitingForDeclaration"
IN_GIT = "DeclaredInGit"


def is_asked(seen: Observation) -> bool:
    """Whether the manifest is to be changed by its owner, who deletes its namespace else."""
    declared = seen.switch.spec.handover is HandoverMode.WAIT_FOR_DECLARED
    return declared and seen.namespace_ends is not True


def wait_for(seen: Observation, machine: Machine) -> Step:
    """The next step while the machine names the source."""
    handover, message = seen.switch.compute.handover, lines(seen, machine)
    if handover in (Handover.NOT_PERMITTED, Handover.WAITING):
        return wait(REASON, message)
    return noted_by_kubevirt(seen) or record(seen, REASON, message, handover=Handover.WAITING)


def lines(seen: Observation, machine: Machine) -> str:
    """What to commit, to the letter."""
    permitted = seen.switch.compute.handover is not Handover.NOT_PERMITTED
    where = "the guest writes to the destination"
    if not seen.alive:
        where = "the destination has all that the guest wrote, and it is stopped"
    # Without an instance there is nothing that KubeVirt could move by itself.
    needed = permitted and not seen.switch.compute.offline
    strategy = "  updateVolumesStrategy: Migration\n" if needed else ""
    without = "" if permitted else " without updateVolumesStrategy,"
    template = f"; take the dataVolumeTemplate {machine.claim} out" if machine.has_template else ""
    return (
        f"{where}. Commit to the manifest of VirtualMachine"
        f" {machine.name},{without} in one change{template}:\n"
        f"spec:\n"
        f"{strategy}"
        f"  template:\n"
        f"    spec:\n"
        f"      volumes:\n"
        f"        - name: {seen.switch.spec.volume}\n"
        f"          persistentVolumeClaim:\n"
        f"            claimName: {seen.switch.destination}\n"
    )


def warning(seen: Observation, machine: Machine) -> str:
    """What happens to a machine that a GitOps tool applies, and that Detour is to patch."""
    return (
        f"VirtualMachine {machine.name} is applied by {machine.declared_by}. At the end Detour"
        f" points it at {seen.switch.destination}; from then on its old manifest is refused: have"
        f" it name {seen.switch.destination}, with updateVolumesStrategy Migration, when the move"
        " has succeeded. With spec.handover WaitForDeclared the move waits for that instead"
    )
