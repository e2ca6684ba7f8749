"""Which pod a process belongs to, by ``/proc/<pid>/cgroup``; pure."""

import itertools
import re


def belongs_to_pod(cgroup: str, pod_uid: str) -> bool:
    """Whether a process's cgroup file names a pod.

    Versions 1 and 2 are covered, and both drivers: cgroupfs writes ``pod<uid>`` as it is, systemd
    with underscores for the dashes.
    """
    if not pod_uid:
        return False
    spellings = "|".join(re.escape(uid) for uid in {pod_uid, pod_uid.replace("-", "_")})
    return re.search(rf"pod(?:{spellings})(?![0-9A-Za-z_-])", cgroup) is not None


def is_guest(command_line: bytes, domain: str) -> bool:
    """Whether a command line is that of a domain's QEMU (``-name guest=<domain>,...``)."""
    arguments = command_line.split(b"\0")
    for flag, value in itertools.pairwise(arguments):
        if flag == b"-name":
            return value.split(b",")[0] in (f"guest={domain}".encode(), domain.encode())
    return False
