"""What a move's control costs: time in which neither a pod starts nor bytes are moved; pure."""

from collections.abc import Iterable, Mapping

from bench.record import Record
from bench.watching import APPLIED, GO_ON, MERGE_SEEN

Span = tuple[str, str]
TO_FROZEN: Span = (APPLIED, "SourceFrozen")
TO_RELEASED: Span = (GO_ON, "SourceReleased")
MERGE: Span = (MERGE_SEEN, "reached Mirrored")
FROZEN_STARTS, RELEASED_STARTS = 3, 1
"""Goals, in starts of a plain pod: those of the whole spans (4 and 2), less a pod or the merge."""


def pod_starts(moments: Mapping[str, float]) -> list[Span]:
    """From when each of the move's pods was made until it ran: the operator waits for that."""
    made = [name for name in moments if name.endswith(" pod made")]
    return [(name, f"{name.removesuffix(' made')} runs") for name in made]


def lasted(moments: Mapping[str, float], span: Span) -> float:
    """Seconds of a span."""
    return moments[span[1]] - moments[span[0]]


def waited(moments: Mapping[str, float], span: Span, waits: Iterable[Span]) -> float:
    """Seconds of a span in which any of the waits was under way, however many were.

    A wait whose beginning or end was not seen counts for nothing: it stays in the overhead.
    """
    first, last = (moments[name] for name in span)
    seen = sorted(
        (moments[start], moments[end]) for start, end in waits if {start, end} <= moments.keys()
    )
    total, until = 0.0, first
    for start, end in seen:
        total += max(min(end, last) - max(start, until), 0)
        until = max(until, end)
    return total


def records(moments: Mapping[str, float], plain: float) -> list[Record]:
    """Both figures.

    Args:
        moments: when each was seen, of a move that was held after its copy.
        plain: seconds that a plain pod with a fresh claim takes to start, in the same run.
    """
    to_frozen, to_released = lasted(moments, TO_FROZEN), lasted(moments, TO_RELEASED)
    pods = waited(moments, TO_FROZEN, pod_starts(moments))
    merge = waited(moments, TO_RELEASED, [*pod_starts(moments), MERGE])
    starts = "the goal is {} times what a plain pod with a fresh claim took to start"
    return [
        Record(
            "control overhead, apply to frozen less pod starts",
            to_frozen - pods, "s", round(FROZEN_STARTS * plain, 1),
            f"{to_frozen:.1f} s from when the move was on the API until SourceFrozen, less "
            f"{pods:.1f} s in which a pod of it had been made and did not run yet (a fresh claim "
            f"is bound in that time); {starts.format(FROZEN_STARTS)}",
        ),
        Record(
            "control overhead, go on to released less bytes moved",
            to_released - merge, "s", round(RELEASED_STARTS * plain, 1),
            f"{to_released:.1f} s from when hold: false was on the API until SourceReleased, less "
            f"{merge:.1f} s from the first report of merged bytes until the one that all are "
            "merged (the node agent looks every half second, so that as much of that may be "
            f"none); {starts.format(RELEASED_STARTS)}",
        ),
    ]  # fmt: skip
