"""Numbers as the API's integers hold them; a status with any other one is refused as a whole."""

from typing import Final

MOST: Final = 2**63 - 1


def signed(number: int) -> int:
    """A number of 64 bits with its highest bit as the sign: another one for each, and it fits.

    For numbers that are only ever compared for equality.
    """
    return number - 2**64 if MOST < number < 2**64 else number


def at_most(count: int) -> int:
    """A count, or the highest that fits: a file system may claim 16 EiB, and each of its files."""
    return min(count, MOST)
