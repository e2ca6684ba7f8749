"""The overlay of a guest that is gone, merged onto the claim that a finisher holds (D4 to D12)."""

import dataclasses

from detour_agent.domain.ports import OfflineMerge
from detour_agent.errors import InvariantBroken, NotYet, StepFailed
from detour_agent.steps import direct
from detour_agent.steps.context import Pass


def compare(work: Pass) -> None:
    """Look whether the image has all that is in the overlay; remembered for the next look."""
    if work.switch.direct:
        direct.compare(work)
        return
    merge = _merge(work)
    _remember(work, equal=work.ports.offline.equal(merge))


def merge(work: Pass) -> None:
    """Merge, and look at what came of it.

    Raises:
        StepFailed: the image does not have all of the overlay afterwards.
    """
    merge = _merge(work)
    work.memory.compared = None
    work.ports.offline.merge(merge)
    equal = work.ports.offline.equal(merge)
    _remember(work, equal=equal)
    if not equal:
        raise StepFailed("MergeIncomplete", "the image differs from the overlay after the merge")


def _merge(work: Pass) -> OfflineMerge:
    """With the overlay that holds data, where more than one was journalled.

    Raises:
        InvariantBroken: two of them do.
    """
    if work.look.merge is None:
        raise NotYet("FinisherNotFound", "the finisher's claims were not seen")
    names = work.look.overlays
    if len(names) > 1:
        names = work.ports.offline.holding_data(work.switch.uid, names) or names[-1:]
    if len(names) != 1:
        raise InvariantBroken("OverlayAmbiguous", f"more than one overlay holds data: {names}")
    return dataclasses.replace(work.look.merge, overlay=names[0])


def _remember(work: Pass, *, equal: bool) -> None:
    pod = work.switch.compute.finisher_pod
    if pod is not None and work.look.merge is not None:
        work.memory.compared = (pod.uid or "", work.look.merge.path, equal)
