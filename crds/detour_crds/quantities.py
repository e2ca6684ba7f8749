"""Kubernetes quantities of bytes, as the CRDs allow them: ``10Gi``, ``1.5G``, ``4096``."""

import fractions
import math
import re
from typing import Final

MOST_TOLD: Final = 64
LETTERS: Final = "KMGTPE"
DECIMAL: Final = {unit: 1000**power for power, unit in enumerate(LETTERS, start=1)}
BINARY: Final = {f"{unit}i": 1024**power for power, unit in enumerate(LETTERS, start=1)}
SPELLING: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTPE]i?|k)?", re.ASCII)
"""As in the CRDs' patterns; fractions.Fraction alone would take ``1/2`` and ``1e999999999``."""
UNITS: Final = {"": 1, "k": 1000, **DECIMAL, **BINARY}


def bytes_of(quantity: str) -> int:
    """A quantity in whole bytes; a fraction of a byte counts as one, as Kubernetes does.

    Raises:
        ValueError: it is no such quantity.
    """
    found = SPELLING.fullmatch(quantity)
    if found is None:
        raise ValueError(f"{quantity[:MOST_TOLD]!r} is not a quantity")
    number, unit = found.groups("")
    size: int = math.ceil(fractions.Fraction(number) * UNITS[unit])
    return size
