"""Whether Detour may go: the chart's pre-delete hook asks before anything is removed.

The lock goes with the chart, and with the operator whoever would take it off: a guest whose disk
is between two places would be left to whatever comes. The refusal of stale claims goes as well.
That is said, and no reason to stay: they are kept for as long as their owners like.
"""

import sys
from collections.abc import Iterable

from detour_crds.attachment_switch import Position
from detour_crds.conditions import SwitchCondition, find
from detour_crds.names import (
    SUPERSEDED_BY_ANNOTATION,
    SUPERSEDED_FOR_ANNOTATION,
    SUPERSEDED_LABEL,
)
from detour_operator.adapters import claims, client, switches
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.errors import DetourError, Gone

ENDS = (Position.SOURCE, Position.DESTINATION)
ADVICE = (
    "Nothing was removed. Wait until these have ended, or cancel them (spec.cancel: true in the"
    " VolumeMigration of that name; without one, spec.position: Source in the AttachmentSwitch),"
    " and uninstall again. A VolumeMigrationPlan makes others until it is paused or cancelled."
    " To go on with Detour instead, roll the release back to the revision it has: Helm has noted"
    " that it is being uninstalled."
)

STALE = (
    "These claims are stale, and with Detour goes what refuses them to their virtual machines. One"
    " that is started from an old manifest loses everything since the move:"
)
STALE_ADVICE = (
    "Have every manifest name the new claim, or delete the old ones."
    f" (kubectl get pvc --all-namespaces --selector {SUPERSEDED_LABEL}=true)"
)


def unfinished(found: Iterable[FoundSwitch]) -> list[str]:
    """What is said of each switch that has not ended."""
    return [
        f"{switch.meta.namespace}/{switch.meta.name}: volume {switch.spec.volume} of"
        f" VirtualMachine {switch.spec.virtual_machine.name} ({_state(switch)})"
        for switch in found
        if not _ended(switch)
    ]


def _ended(switch: FoundSwitch) -> bool:
    locked = switch.status.compute is not None and switch.status.compute.locked
    return switch.status.position in ENDS and not locked


def _state(switch: FoundSwitch) -> str:
    ready = find(switch.status.conditions, SwitchCondition.READY)
    return f"{ready.reason}: {ready.message}" if ready else "not begun"


def stale(found: Iterable[Json]) -> list[str]:
    """What is said of the claims that disks were moved away from; nothing if there are none."""
    told = [_stale(claim["metadata"]) for claim in found]
    return [STALE, *told, STALE_ADVICE] if told else []


def _stale(metadata: Json) -> str:
    annotations = metadata.get("annotations") or {}
    disk = annotations.get(SUPERSEDED_FOR_ANNOTATION, "of a virtual machine")
    by = annotations.get(SUPERSEDED_BY_ANNOTATION, "that its machine names")
    return (
        f"{metadata['namespace']}/{metadata['name']}: the disk {disk} was moved to the claim {by}"
    )


def _left_behind(api: Api) -> list[str]:
    try:
        return stale(claims.superseded_everywhere(api))
    except DetourError as error:
        return [f"It could not be seen which claims are stale: {error}", STALE_ADVICE]


def _under_way(api: Api) -> list[str]:
    try:
        return unfinished(switches.everywhere(api))
    except Gone:
        return []  # the kind is not installed any more


def main() -> int:
    """0 if nothing is under way; else 1. On standard output what is, or what is left behind."""
    try:
        api = client.connect()
        under_way = _under_way(api)
    except DetourError as error:
        sys.stdout.write(f"Nothing was removed: it is not known what is under way: {error}\n")
        return 1
    if not under_way:
        lines = ("No disk is being moved.", *_left_behind(api))
        sys.stdout.write("\n".join(lines) + "\n")
        return 0
    lines = ("Detour cannot be uninstalled while it moves disks:", *under_way, ADVICE)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
