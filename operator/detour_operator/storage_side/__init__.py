"""Carries out VolumeMigrations; must not know libvirt, instances, locks or nodes' insides.

gather looks, decide (pure) chooses, the status is published where it changed, apply acts. Sees the
compute side only through the AttachmentSwitch.
"""

from detour_operator.storage_side.reconciler import reconciler

__all__ = ["reconciler"]
