"""Changes what a launcher has at its images' places: ``python -m detour_agent.privileged.child``.

A process of its own with one thread, since only such a one may enter a mount namespace; it reads
one JSON object from stdin. Every operation looks first, so that it can be repeated, and verifies
afterwards. The answer is one JSON object on stdout: ``{"result": ...}`` or
``{"reason": ..., "message": ...}``.
"""

import json
import sys
from collections.abc import Callable, Mapping

from detour_agent.privileged import access, flush, mounts, namespaces, nodes, paths, showing
from detour_agent.privileged.errors import NotSoError, verify
from detour_agent.privileged.namespaces import Request, Spaces

ROLES = ("guest", "holder", "host")
OPERATIONS: Mapping[str, Callable[[Request, Spaces], str]] = {
    "expose-overlay": mounts.expose_overlay,
    "expose-volume": mounts.expose_volume,
    "hide-overlay": mounts.hide_overlay,
    "over-mount": mounts.over_mount,
    "unmount-top": mounts.unmount_top,
    "put-destination": nodes.put_destination,
    "put-source": nodes.put_source,
    "make-blank": showing.make_blank,
    "show": showing.show,
    "hide": showing.hide,
    "show-device": showing.show_device,
    "hide-device": showing.hide_device,
    "allow": access.allow,
    "flush": flush.flush,
}


NAMES = ("volume", "name")
"""What of a request becomes a name in a container's directory."""


def carry_out(request: Request) -> str:
    """One operation.

    Raises:
        NotSoError: things are not as they have to be, or it asks for a name that leads elsewhere.
        OSError: it failed.
        ProcessReplacedError: one of the processes has gone.
    """
    for key in NAMES:
        name = request.get(key, key)
        verify(paths.is_plain(name), "NameNotPlain", f"{key} {name!r} leads elsewhere")
    spaces = {role: namespaces.opened(request[role]) for role in ROLES if role in request}
    return OPERATIONS[request["operation"]](request, spaces)


def main() -> int:
    """Carry out the request on stdin."""
    try:
        answer = {"result": carry_out(json.load(sys.stdin))}
    except NotSoError as error:
        answer = {"reason": error.reason, "message": str(error)}
    except OSError as error:
        answer = {"reason": "MountFailed", "message": str(error)}
    except namespaces.ProcessReplacedError as error:
        answer = {"reason": "ProcessGone", "message": str(error)}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
