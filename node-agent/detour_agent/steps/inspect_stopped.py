"""Looks at the claims of a guest that is gone, through the finisher's mounts; changes nothing."""

import dataclasses

from detour_agent.domain.journal import Record
from detour_agent.domain.ports import ImageFile, OfflineMerge, Ports, Process
from detour_agent.domain.situation import Target
from detour_agent.errors import DetourError, NotYet
from detour_agent.steps.context import Look, Memory, Switch, error_of
from detour_crds.attachment_switch import Identity, Order
from detour_crds.names import (
    FINISHER_DESTINATION_DEVICE,
    FINISHER_DESTINATION_PATH,
    FINISHER_SOURCE_DEVICE,
    FINISHER_SOURCE_PATH,
)


def look(base: Look, switch: Switch, ports: Ports, memory: Memory) -> Look:
    """The look with what can be seen of the claims; without a finisher nothing can."""
    pod, record = switch.compute.finisher_pod, base.record
    if pod is None or not pod.uid or record is None or not base.overlays:
        return base
    forward = base.wanted.order is Order.DESTINATION
    if not forward and base.wanted.order is not Order.SOURCE:
        return base
    path = _place(forward=forward, block=switch.attached.block)
    try:
        finisher = ports.processes.find_finisher(pod.uid)
        if finisher is None:
            raise NotYet("FinisherNotFound", f"no process of the pod {pod.name} was found")
        image = ports.mounts.finisher_image(finisher, path, block=switch.attached.block)
    except DetourError as error:
        return dataclasses.replace(base, problem=error_of(error))
    state = _state(record, image, record.destination if forward else record.source)
    seen = dataclasses.replace(
        base.seen,
        target=state if forward else Target.UNKNOWN,
        base=Target.UNKNOWN if forward else state,
        equal=_compared(memory, pod.uid, path),
    )
    merge = _merge(switch, record, finisher, path, image) if image is not None else None
    return dataclasses.replace(base, seen=seen, merge=merge)


def _place(*, forward: bool, block: bool) -> str:
    if block:
        return FINISHER_DESTINATION_DEVICE if forward else FINISHER_SOURCE_DEVICE
    return FINISHER_DESTINATION_PATH if forward else FINISHER_SOURCE_PATH


def _state(record: Record, image: ImageFile | None, recorded: Identity | None) -> Target:
    """Whether it is the image that was recorded.

    By inode alone, and of a block device not even that: the device may have another number since
    the claim was attached again. Which claim it is, the operator has seen to, by its uid.
    """
    if image is None or not image.regular or image.size_bytes < record.virtual_size_bytes:
        return Target.FAILED
    if recorded is not None and image.identity.inode != recorded.inode:
        return Target.FAILED
    return Target.GOOD


def _compared(memory: Memory, pod_uid: str, path: str) -> bool | None:
    if memory.compared is None or memory.compared[:2] != (pod_uid, path):
        return None
    return memory.compared[2]


def _merge(
    switch: Switch, record: Record, finisher: Process, path: str, image: ImageFile
) -> OfflineMerge:
    return OfflineMerge(
        switch_uid=switch.uid,
        overlay="",
        finisher=finisher,
        path=path,
        image=image,
        virtual_size_bytes=record.virtual_size_bytes,
        block=switch.attached.block,
    )
