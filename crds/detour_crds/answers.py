"""The images that a person may trust at a stop (``spec.trust``).

The node agent and the operator act on these answers and no others; whoever helps people to answer
offers them. docs/when-things-go-wrong.md says when each of them is right.
"""

from typing import Final

from detour_crds import stops
from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    Node,
    Order,
    Position,
    Top,
)
from detour_crds.volume_migration import OverlayPlace, Trust

OF_GONE: Final = {
    "AmbiguousPivot": (Trust.OVERLAY, Trust.DESTINATION),
    "AmbiguousCommit": (Trust.SOURCE, Trust.OVERLAY),
    "DestinationFailed": (Trust.OVERLAY,),
    "JournalMissing": tuple(Trust),
    "OverlayMissing": (Trust.SOURCE, Trust.DESTINATION),
}
"""By the reason of the node agent's stop, of a guest that is gone."""
OF_GONE_DIRECT: Final = {
    "AmbiguousPivot": (Trust.SOURCE, Trust.DESTINATION),
    "JournalMissing": (Trust.SOURCE, Trust.DESTINATION),
}
"""The same where QEMU copied the disk, without an overlay."""
AGAINST_RECORD: Final = "ChainAgainstRecord"
ON_TOP: Final = {
    Top.SOURCE: Trust.SOURCE,
    Top.OVERLAY: Trust.OVERLAY,
    Top.DESTINATION: Trust.DESTINATION,
}
"""A guest that runs says itself where its writes go: the answer to AGAINST_RECORD."""
ENDS: Final = {Order.DESTINATION: Trust.DESTINATION, Order.SOURCE: Trust.SOURCE}
"""The orders that end a move, and where all of the guest's data is once one was reached."""


def fitting(
    stop: str, spec: AttachmentSwitchSpec, status: AttachmentSwitchStatus
) -> tuple[Trust, ...]:
    """The answers to the stop of that name, which a switch is at; none if it takes none."""
    reason, node = stops.reason_in(stop), status.node or Node()
    order = (status.compute or Compute()).order or Order.NONE
    if reason == stops.NODE_LOST:
        at_end = order in ENDS and node.reached is order
        return (ENDS[order],) if at_end else to_lost_node(spec)
    if reason == AGAINST_RECORD:
        back = order is Order.SOURCE
        found = tuple(trust for top, trust in ON_TOP.items() if top is node.top)
    else:
        back = order is Order.SOURCE or node.refused is True
        found = (OF_GONE if spec.mirror is None else OF_GONE_DIRECT).get(reason, ())
    return tuple(trust for trust in found if not (back and trust is Trust.DESTINATION))


def to_lost_node(spec: AttachmentSwitchSpec) -> tuple[Trust, ...]:
    """To the loss of the guest's node, before the end of the move was reached there.

    The overlay is left where it is on a volume, and the destination is whole where the caller has
    asked for it.
    """
    on_volume = spec.overlay.where is not OverlayPlace.NODE_LOCAL
    copied = spec.position is Position.DESTINATION
    kept = {Trust.SOURCE: True, Trust.OVERLAY: on_volume, Trust.DESTINATION: copied}
    return tuple(trust for trust in Trust if kept[trust])
