"""Complete, second half: the guest writes to the destination alone (rows L15, L19)."""

import dataclasses

from detour_agent.errors import StepFailed
from detour_agent.steps import divert
from detour_agent.steps.context import Pass, elapsed_milliseconds


def pivot(work: Pass) -> None:
    """Switch QEMU to the destination; the journal says ``pivot`` already (L15)."""
    before = work.ports.clock.now()
    work.domain.pivot()
    took = elapsed_milliseconds(before, work.ports.clock.now())
    work.memory.pauses = dataclasses.replace(work.memory.pauses, pivot_milliseconds=took)


def release(work: Pass) -> None:
    """Close the source where a daemon that died in the pivot left it open in QEMU (L19).

    Raises:
        StepFailed: QEMU let go of nothing, so that another try at once would be the same.
    """
    closed, refusal = divert.clear_nodes(work)
    if not closed:
        raise refusal or StepFailed(
            "SourceHeldOpen", "QEMU has the source open and names no node that could be closed"
        )
