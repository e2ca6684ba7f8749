"""How a VolumeMigration ends: reasons of ``Succeeded`` that others than its own side go by."""

from typing import Final

ALREADY_THERE: Final = "AlreadyThere"
"""The disk was on the destination: nothing was moved."""
CANCELLED: Final = "Cancelled"
"""A person's wish, and no failure."""
DRY_RUN_PASSED: Final = "DryRunPassed"
