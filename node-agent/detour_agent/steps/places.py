"""Finds the guest's QEMU, and the volume that the overlays are on; changes nothing."""

import posixpath
from typing import TypeAlias

from detour_agent.domain.ports import Place, Ports, Process
from detour_agent.errors import Unreachable
from detour_agent.steps.context import Switch
from detour_crds.names import FINISHER_SOURCE_PATH, HOLDER_OVERLAY_PATH
from detour_crds.volume_migration import OverlayPlace

Guest: TypeAlias = Process | Unreachable | None
"""The guest's QEMU, None if it is gone, or why one cannot know."""


def guest_of(switch: Switch, ports: Ports) -> Guest:
    """Look for the guest's QEMU, once in a pass.

    Of two looks the first might not see it and the second might: the intent of a step on it would
    then not be written beside its overlay, where another node looks for it.
    """
    compute = switch.compute
    if compute.launcher_pod is None or not compute.launcher_pod.uid or not compute.domain:
        return Unreachable("LauncherUnknown", "the operator has not named the launcher pod yet")
    try:
        return ports.processes.find_guest(compute.launcher_pod.uid, compute.domain)
    except Unreachable as error:
        return error


def place_of(switch: Switch, ports: Ports, guest: Guest) -> Place | None:
    """The volume that the overlays are on by the spec, and who has it mounted now."""
    if switch.overlay.where is OverlayPlace.NODE_LOCAL:
        return None
    if guest is None or isinstance(guest, Unreachable):
        return _place_without_guest(switch, ports)
    if switch.overlay.where is OverlayPlace.CLAIM:
        return _place_on_claim(switch, ports, guest)
    return Place(
        process=guest,
        base=posixpath.dirname(switch.canonical),
        name=switch.overlay_name,
        exposed=switch.overlay_folder,
        with_source=True,
    )


def _place_without_guest(switch: Switch, ports: Ports) -> Place:
    """On a claim that the finisher has mounted, once there is one."""
    beside = switch.overlay.where is OverlayPlace.SOURCE_VOLUME
    pod = switch.compute.finisher_pod
    try:
        finisher = ports.processes.find_finisher(pod.uid or "") if pod else None
    except Unreachable:
        finisher = None
    return Place(
        process=finisher,
        base=FINISHER_SOURCE_PATH if beside else HOLDER_OVERLAY_PATH,
        name=switch.overlay_name,
        with_source=beside,
    )


def _place_on_claim(switch: Switch, ports: Ports, guest: Process) -> Place:
    """On the claim that a pod holds; while that is gone the launcher shows what QEMU has open.

    An intent that were not beside the overlay then would be an older one to another node.
    """
    pod = switch.compute.overlay_pod
    try:
        holder = ports.processes.find_overlay_holder(pod.uid or "") if pod else None
    except Unreachable:
        holder = None
    if holder is None and pod is not None:
        shown = switch.overlay_folder
        return Place(process=guest, base="", name=switch.overlay_name, exposed=shown)
    return Place(process=holder, base=HOLDER_OVERLAY_PATH, name=switch.overlay_name)
