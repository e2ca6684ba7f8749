"""A dry run of a plan: each disk is asked about by a dry run of its own; pure."""

from detour_crds.ends import DRY_RUN_PASSED
from detour_crds.volume_migration_plan import MOST_DISKS, DiskState, PlanPhase
from detour_operator.plans import starting
from detour_operator.plans.actions import WithdrawMigration
from detour_operator.plans.decision import DISKS_REFUSED, Decision, of
from detour_operator.plans.disks import Disk
from detour_operator.plans.observation import Observation

CHECKING = "Checking"


def decide(seen: Observation, every: tuple[Disk, ...]) -> Decision:
    """Every disk is asked about; who has answered is recorded, and its migration deleted."""
    asked, left_out = every[:MOST_DISKS], max(0, len(every) - MOST_DISKS)
    answered = tuple(
        WithdrawMigration(one.name, one.resource_version)
        for disk in asked
        if disk.state not in (DiskState.WAITING, DiskState.MOVING)
        if (one := disk.migration) is not None and not one.deleting
    )
    open_ = of(asked, DiskState.WAITING, DiskState.MOVING)
    refused, passed = (
        len(of(asked, *states))
        for states in ((DiskState.REFUSED, DiskState.FAILED), (DiskState.SUCCEEDED,))
    )
    more = f"; {left_out} more were not asked about: select fewer at a time" if left_out else ""
    told = f"{passed} disks can be moved, {refused} cannot{more}"
    if open_ or answered:
        return Decision(
            phase=PlanPhase.CHECKING,
            reason=CHECKING,
            message=f"a dry run: {len(open_)} disks are still to be asked about; {told}",
            disks=asked,
            left_out=left_out,
            begins=starting.begins(seen, asked),
            actions=answered,
        )
    return Decision(
        phase=PlanPhase.FAILED if refused else PlanPhase.SUCCEEDED,
        reason=DISKS_REFUSED if refused else DRY_RUN_PASSED,
        message=f"a dry run, and nothing was changed: {told}. status.disks has the reasons",
        disks=asked,
        left_out=left_out,
        after=None,
    )
