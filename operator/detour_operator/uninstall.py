"""Whether Detour may go: the chart's pre-delete hook asks before anything is removed.

The lock goes with the chart, and with the operator whoever would take it off: a guest whose disk
is between two places would be left to whatever comes.
"""

import sys
from collections.abc import Iterable

from detour_crds.attachment_switch import Position
from detour_crds.conditions import SwitchCondition, find
from detour_operator.adapters import client, switches
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.errors import DetourError, Gone

ENDS = (Position.SOURCE, Position.DESTINATION)
ADVICE = (
    "Nothing was removed. Wait until these have ended, or cancel them (spec.cancel: true in the"
    " VolumeMigration of that name; without one, spec.position: Source in the AttachmentSwitch),"
    " and uninstall again. To go on with Detour instead, roll the release back to the revision it"
    " has: Helm has noted that it is being uninstalled."
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


def main() -> int:
    """0 if nothing is under way; else 1, and on standard output what is."""
    try:
        under_way = unfinished(switches.everywhere(client.connect()))
    except Gone:
        under_way = []  # the kind is not installed any more
    except DetourError as error:
        sys.stdout.write(f"Nothing was removed: it is not known what is under way: {error}\n")
        return 1
    if not under_way:
        sys.stdout.write("No disk is being moved.\n")
        return 0
    lines = ("Detour cannot be uninstalled while it moves disks:", *under_way, ADVICE)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
