"""The name of a migration that was not given one; its new claim gets the same."""

import hashlib
from collections.abc import Container
from typing import Final

LIMIT: Final = 63
"""Of a VolumeMigration's name: it becomes a label's value."""
ROOM_FOR_NUMBER: Final = 4


def proposed(machine: str, volume: str, destination: str) -> str:
    """``VM-VOLUME-to-DESTINATION``; shortened, and made unique by a hash, where that is long."""
    whole = f"{machine}-{volume}-to-{destination}".replace(".", "-")
    longest = LIMIT - ROOM_FOR_NUMBER
    if len(whole) <= longest:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: longest - 9].rstrip('-')}-{digest}"


def free(name: str, taken: Container[str]) -> str:
    """The name, or the first of ``NAME-2``, ``NAME-3``, ... that nothing has."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
