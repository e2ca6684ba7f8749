"""What the time of a move went to, by the moments that were seen; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.watching import APPLIED, SUCCEEDED


class Whose(StrEnum):
    """What a step waits for."""

    COPY = "copy"
    MERGE = "merge"
    PODS = "pods"
    STORAGE = "storage"
    DETOUR = "Detour"


NOT_BYTES = (Whose.PODS, Whose.STORAGE, Whose.DETOUR)


@dataclass(frozen=True)
class Step:
    """From one moment to the next one; it counts for whoever brought that about."""

    until: str
    seconds: float
    whose: Whose


def steps(moments: Mapping[str, float], *, copies: bool) -> list[Step]:
    """The steps from apply to Succeeded: together they are all of that time.

    Args:
        moments: when each was seen.
        copies: whether the copier copies; the one that looks at what the storage made is a pod
            like any other.
    """
    first, last = moments[APPLIED], moments[SUCCEEDED]
    inside = [(name, at) for name, at in moments.items() if first < at <= last]
    found, before = [], first
    for name, at in sorted(inside, key=lambda item: item[1]):
        found.append(Step(name, at - before, _whose(name, copies=copies)))
        before = at
    return found


def _whose(name: str, *, copies: bool) -> Whose:
    """Detour makes pods, claims and Jobs; what becomes of them is others' doing."""
    if name.endswith((" made", " resumed")) and name != "copier pod made":
        return Whose.DETOUR
    if name == "copier pod ended" and copies:
        return Whose.COPY
    if name == "reached Mirrored":
        return Whose.MERGE
    if " pod " in name or name == "copier job gone":
        return Whose.PODS
    storage = ("claim bound", "snapshot ready", "snapshot gone")
    return Whose.STORAGE if name in storage else Whose.DETOUR


def seconds(found: list[Step], *whose: Whose) -> float:
    """What steps of these took together."""
    return sum(step.seconds for step in found if step.whose in whose)


def table(found: list[Step]) -> list[str]:
    """Markdown, a row for each step."""
    return [
        "| until | seconds | waits for |",
        "|---|---|---|",
        *(f"| {step.until} | {step.seconds:.2f} | {step.whose} |" for step in found),
    ]
