"""Kubernetes quantities of bytes, as the CRDs allow them: ``10Gi``, ``1.5G``, ``4096``."""

import fractions
import math
from typing import Final

LETTERS: Final = "KMGTPE"
DECIMAL: Final = {unit: 1000**power for power, unit in enumerate(LETTERS, start=1)}
BINARY: Final = {f"{unit}i": 1024**power for power, unit in enumerate(LETTERS, start=1)}
UNITS: Final = {"": 1, "k": 1000, **DECIMAL, **BINARY}


def bytes_of(quantity: str) -> int:
    """A quantity in whole bytes; a fraction of a byte counts as one, as Kubernetes does.

    Raises:
        ValueError: it is no such quantity.
    """
    number = quantity.rstrip("iKkMGTPE")
    unit = quantity[len(number) :]
    if unit not in UNITS:
        raise ValueError(f"{quantity!r} is not a quantity")
    size: int = math.ceil(fractions.Fraction(number) * UNITS[unit])
    return size
