"""The overlay's folder on the source's own volume: removed by the node agent, or told of.

With ``spec.overlay.where: SourceVolume``. The agent reaches it through the guest's pod or the
finisher's, and not at all once both are gone; the volume is the user's, so nobody mounts it anew
for that.
"""

from detour_crds.attachment_switch import Order
from detour_crds.volume_migration import OverlayPlace
from detour_operator.compute_side.guest import left_alone
from detour_operator.compute_side.observation import Observation


def is_being_removed(seen: Observation) -> bool:
    """Whether the node agent still has to remove the overlay, and can."""
    node = seen.switch.node
    there = node is not None and node.overlay is not None
    return _is_asked(seen) and there and not left_alone(seen)


def told(seen: Observation, message: str) -> str:
    """What is said at the end; with the folder, unless the agent has seen the overlay go."""
    if not _is_asked(seen) or not _may_be_left(seen):
        return message
    switch = seen.switch
    folder = f".detour-{switch.uid}-{switch.compute.attempt or 1}"
    return (
        f"{message}; the overlay's folder {folder} may be left on the volume of the claim"
        f" {switch.source}, where it takes room and is not needed: look, and remove it"
    )


def _is_asked(seen: Observation) -> bool:
    return seen.switch.spec.overlay.where is OverlayPlace.SOURCE_VOLUME


def _may_be_left(seen: Observation) -> bool:
    compute, node = seen.switch.compute, seen.switch.node
    if compute.offline or seen.switch.spec.mirror or (compute.order or Order.NONE) is Order.NONE:
        return False
    return node is None or node.overlay is not None or node.last_error is not None
