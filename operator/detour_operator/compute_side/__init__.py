"""Carries out AttachmentSwitches over the Kubernetes API; must not know nodes' insides or copies.

``observation``, ``preflight``, ``decisions`` and what these import are pure: no API, no clock, no
logging. ``gather`` looks, ``apply`` acts, ``passes`` puts one pass together. The rows and rules
that docstrings cite ("row L13", "recovery rule R5") stand in docs/states.md.
"""

from detour_operator.compute_side.left_holders import LeftHolders
from detour_operator.compute_side.passes import reconciler

__all__ = ["LeftHolders", "reconciler"]
