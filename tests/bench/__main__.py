"""Measures what Detour costs: ``make bench``, or some parts alone with ``BENCH=copier,moves``."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from bench import control, copier, moves
from bench.record import Part, write

PARTS: dict[str, Callable[[], Part]] = {
    "control": control.measure,
    "copier": copier.measure,
    "moves": moves.measure,
}
"""``copier`` alone needs no cluster; without the others it leaves docs/benchmarks.md as it is."""


def chosen(words: str) -> list[str]:
    """The parts that a list with commas names; all of them if it is empty.

    Raises:
        LookupError: there is no such part.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise LookupError(f"BENCH={words}: no part {unknown[0]}; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names or not names]


def main() -> int:
    """Measure, and write what was found; 1 if a guest has lost something."""
    signal.signal(signal.SIGTERM, _end)
    names = chosen(os.environ.get("BENCH", ""))
    parts: list[Part] = []
    for name in names:
        part = PARTS[name]()
        parts.append(part)
        # A later part that fails takes nothing away of what was found before.
        write(parts, whole=len(parts) == len(PARTS))
        print(*part.conditions, *part.details, sep="\n")
        print(*(record.line() for record in part.records), sep="\n", flush=True)
    return 0 if all(part.passed for part in parts) else 1


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave by way of everything that takes devices and namespaces away."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
