"""Looks at one switch: journal, processes, libvirt, QEMU, mounts; changes nothing."""

import dataclasses

from detour_agent.domain import journal
from detour_agent.domain.budget import Room
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import Place, Ports
from detour_agent.domain.situation import Job, PathImage, Seen, Wanted
from detour_agent.errors import InvariantBroken, Unreachable
from detour_agent.steps import inspect_direct, inspect_running, inspect_stopped, places
from detour_agent.steps.context import UNBEGUN, Look, Memory, Switch, error_of
from detour_crds import stops
from detour_crds.attachment_switch import LastError, Node, Order, Qemu, Stage, Top
from detour_crds.volume_migration import OverlayPlace


def look(switch: Switch, ports: Ports, memory: Memory) -> Look:
    """Look at everything; what cannot be seen is unknown, with the problem beside it.

    Raises:
        InvariantBroken: the journal cannot be read or belongs to another attempt.
    """
    guest = places.guest_of(switch, ports)
    place, wanted = places.place_of(switch, ports, guest), wanted_of(switch)
    ports.images.settle(switch.uid, place)
    try:
        record = _record(switch, ports)
    except Unreachable as error:
        if _may_be_begun(switch, wanted):
            return _blind(switch, wanted, error)
        record = None
    overlays = _overlays(switch, ports)
    problem = None
    if overlays is None and record is not None and _is_let_go(switch, record, place):
        overlays, problem = (), _left_beside(switch, record)
        memory.last_error = None
    room = _room(switch, ports)
    base = Look(
        wanted=wanted,
        seen=_unseen(record, overlays),
        record=record,
        known=inspect_running.known_of(switch, record, None, None),
        overlays=overlays or (),
        overlay_bytes=_overlay_bytes(switch, ports, overlays or ()),
        room=room,
        problem=problem,
    )
    try:
        return _look_at_guest(base, guest, switch, ports, memory)
    except Unreachable as error:
        return dataclasses.replace(base, problem=error_of(error))


def wanted_of(switch: Switch) -> Wanted:
    """What the API says, as far as it was written for this attempt."""
    order = switch.compute.order or Order.NONE
    node = switch.node if switch.node.token == switch.compute.token else Node()
    return Wanted(
        order=order,
        trust=switch.trust,
        answered=stops.reason_of(switch.answered_stop, switch.compute.token),
        reported=node.reached or Order.NONE,
        ever_reported=node.stage not in UNBEGUN,
        refused=node.refused is True,
        direct=switch.direct,
    )


def _record(switch: Switch, ports: Ports) -> Record | None:
    record = ports.journal.read(switch.uid)
    if record is None or record.token == switch.compute.token:
        return record
    if record.stage in (Stage.NONE, Stage.CANCELLED):
        return None
    raise InvariantBroken(
        "ChainAgainstRecord",
        f"the journal is at stage {record.stage} of attempt {record.token}, while"
        f" {switch.compute.token} is asked for",
    )


def _may_be_begun(switch: Switch, wanted: Wanted) -> bool:
    """Whether there may be a journal: by the last report, or by a pod that is to finish the move.

    A node that is lost in the very start has journalled it and reported nothing.
    """
    return wanted.ever_reported or switch.compute.finisher_pod is not None


def _blind(switch: Switch, wanted: Wanted, error: Unreachable) -> Look:
    """On another node than the one that began the journal may be where one cannot look yet.

    An unreachable journal is no missing one: the stage is what was reported last.
    """
    seen = _unseen(None, None)
    return Look(
        wanted=wanted,
        seen=dataclasses.replace(seen, stage=switch.node.stage or Stage.MISSING),
        record=None,
        known=inspect_running.known_of(switch, None, None, None),
        problem=LastError(
            reason="JournalUnreachable",
            message=f"waiting for the overlay's volume: {error.message}",
        ),
    )


def _overlays(switch: Switch, ports: Ports) -> tuple[str, ...] | None:
    """The overlay files that are there, None where it cannot be known."""
    try:
        return ports.images.found(switch.uid)
    except Unreachable:
        return None


def _is_let_go(switch: Switch, record: Record, place: Place | None) -> bool:
    """Whether the operator ended the move without this node: nobody mounts the volume again."""
    ended = record.stage in (Stage.DONE, Stage.CANCELLED)
    unheld = place is not None and not place.is_mounted
    return ended and unheld and switch.compute.locked is False


def _left_beside(switch: Switch, record: Record) -> LastError | None:
    """What to say of a folder on the source's volume, unless the overlay was seen to go.

    A claim of its own is deleted with all that is on it.
    """
    before = switch.node if switch.node.token == switch.compute.token else Node()
    removed = before.overlay is None and before.last_error is None
    beside = switch.overlay.where is OverlayPlace.SOURCE_VOLUME
    if removed or not beside or not record.overlays:
        return None
    message = f"the folder {switch.overlay_name} may be left on the source's volume: remove it"
    return LastError(reason="OverlayLeft", message=message)


def _unseen(record: Record | None, overlays: tuple[str, ...] | None) -> Seen:
    """What is known without the guest; an overlay that cannot be looked for is where it was."""
    journalled = record.overlays if record else ()
    return Seen(
        qemu=Qemu.UNKNOWN,
        top=Top.UNKNOWN,
        stage=record.stage if record else Stage.MISSING,
        job=Job.UNKNOWN,
        path=PathImage.UNKNOWN,
        overlay_present=bool(journalled if overlays is None else overlays),
        overlay_handed=journal.overlay_handed(record) if record else True,
        healing=record.healing if record else False,
        tries_left=journal.start_tries_left(record) if record else True,
    )


def _overlay_bytes(switch: Switch, ports: Ports, overlays: tuple[str, ...]) -> int:
    return sum(ports.images.allocated_bytes(switch.uid, name) for name in overlays)


def _room(switch: Switch, ports: Ports) -> Room | None:
    try:
        return ports.images.room(switch.uid)
    except Unreachable:
        return None


def _look_at_guest(
    base: Look, guest: places.Guest, switch: Switch, ports: Ports, memory: Memory
) -> Look:
    if isinstance(guest, Unreachable):
        raise guest
    if guest is None:
        seen = dataclasses.replace(base.seen, qemu=Qemu.GONE)
        gone = dataclasses.replace(base, seen=seen)
        find = inspect_direct.of_gone if switch.direct else inspect_stopped.look
        return find(gone, switch, ports, memory)
    return inspect_running.look(base, guest, switch, ports, memory)
