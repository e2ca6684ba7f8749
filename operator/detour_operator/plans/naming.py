"""Names of migrations and of their claims; pure.

They follow from plan, machine and volume, so that what is made twice is made once.
"""

import base64
import hashlib

from detour_crds.names import LABEL_LIMIT

ID_LENGTH = 8
ENDS = "-."
"""What no name may end in (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""


def disk_id(plan_uid: str, machine_uid: str, volume: str) -> str:
    """Eight characters that stand for one disk in one plan: 40 bits of a hash."""
    found = hashlib.sha256(f"{plan_uid} {machine_uid} {volume}".encode()).digest()
    return base64.b32encode(found).decode().lower()[:ID_LENGTH]


def migration_name(plan: str, machine: str, volume: str, own: str) -> str:
    """The name of a disk's VolumeMigration; 63 characters at most, as it becomes a label."""
    return _with_id(f"{plan}-{machine}-{volume}", own)


def claim_name(template: str, *, machine: str, volume: str, storage_class: str, own: str) -> str:
    """The name of a disk's new claim, by the plan's template; 63 characters at most."""
    name = template
    for placeholder, value in (
        ("{machine}", machine),
        ("{volume}", volume),
        ("{storageClass}", storage_class),
        ("{id}", own),
    ):
        name = name.replace(placeholder, value)
    return name if len(name) <= LABEL_LIMIT else _with_id(name, own)


def _with_id(name: str, own: str) -> str:
    room = LABEL_LIMIT - len(own) - 1
    return f"{name[:room].rstrip(ENDS)}-{own}"
