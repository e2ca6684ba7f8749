"""A merge or commit that does not get on is helped by slowing the guest's writes down; pure.

A commit has no synchronous writes: a guest that writes faster than it copies keeps it from ever
becoming ready (measured). The mirror has them, and gets on under any load.
"""

import dataclasses
from typing import Final

from detour_agent.domain.budget import LEAST_WRITE_RATE, MIB

PATIENCE_SECONDS: Final = 60.0
"""So long the least that was left may stay the same; then the writes are halved as often."""
FIRST_RATE: Final = 64 * MIB
GOT_ON: Final = 1024
"""A merge gets on if a part of this size of what was left is done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """The least that was left of a merge, and when that was, in the clock's seconds."""

    left: int
    at: float


def followed(before: Course | None, left: int, now: float) -> Course:
    """What to remember of a merge of which so many bytes are left."""
    if before is None or left < before.left - before.left // GOT_ON:
        return Course(left, now)
    return before


def write_rate(course: Course, now: float) -> int | None:
    """What the guest may write per second, None for as much as it wants."""
    periods = int((now - course.at) // PATIENCE_SECONDS)
    return max(LEAST_WRITE_RATE, FIRST_RATE >> (periods - 1)) if periods > 0 else None
